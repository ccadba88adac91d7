"""Tree of thoughts (Yao et al. 2023, "Tree of thoughts: deliberate problem solving").

A thought is a move. Both searches have the paper's phases: propose moves, evaluate the states after
them, select those to continue with. Breadth-first search (algorithm 1) keeps the best states of
each level, as a beam. Depth-first search (algorithm 2) follows the best state, prunes states whose
value does not exceed a threshold, and backtracks where none is left.

Unlike the paper, states with the same numbers left are merged: two independent moves lead to the
same state in either order. All puzzles are searched side by side, so that the model is asked in
large batches. `sample_trace` is a search without a tree: the attempts of one generated text.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from reasoning.evaluation.answers import count_attempts, final_answer
from reasoning.evaluation.sampling import sample_texts
from reasoning.search.cost import Cost, generated_tokens
from reasoning.search.evaluators import Evaluator
from reasoning.search.model import MovePolicy
from reasoning.search.result import SearchTree, Solution, check_distinct
from reasoning.search.state import SearchState
from reasoning.start.gate import MAX_TRACE
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Move, Numbers, Puzzle, legal_moves
from reasoning.tasks.vocabulary import ANSWER, MAX_ATTEMPTS


@dataclass(eq=False)
class Thought:
    """A state in the tree."""

    state: SearchState
    value: float = 0.0
    is_kept: bool = False
    """Whether the state was selected, and not pruned."""
    children: list["Thought"] = field(default_factory=list)


@dataclass
class ThoughtTree(SearchTree[Thought]):
    """The tree of thoughts about a puzzle; each set of numbers left occurs in one thought."""

    known: set[Numbers] = field(default_factory=set)
    """Numbers left in the states that were ever proposed."""

    def has_room(self, max_evaluated: int | None) -> bool:
        """Whether one more state may be evaluated; all that were proposed are or will be."""
        return max_evaluated is None or len(self.known | self.evaluated) < max_evaluated

    def children_after(
        self, thought: Thought, moves: Sequence[Move], max_evaluated: int | None
    ) -> list[Thought]:
        """Return the states after the moves as new thoughts, as long as there is room.

        States that are known are left out.
        """
        children = []
        for child in map(thought.state.child, moves):
            if child.numbers not in self.known and self.has_room(max_evaluated):
                self.known.add(child.numbers)
                children.append(Thought(child))
        return children


def breadth_first_search(
    puzzles: Sequence[Puzzle],
    policy: MovePolicy,
    evaluate: Evaluator,
    n_proposals: int = 5,
    breadth: int = 5,
    max_evaluated: int | None = None,
) -> Iterator[list[ThoughtTree]]:
    """Search level by level, keep the `breadth` best states of each, and yield all trees.

    A puzzle ends when the end test finds a win, after its last level, or once `max_evaluated`
    states were evaluated. A rollout that would exceed the limit is discarded, although its tokens
    were spent: how many states it passes through is not known before.
    """
    check_distinct(puzzles)
    check_at_least_1(n_proposals=n_proposals, breadth=breadth, max_evaluated=max_evaluated)
    trees = [ThoughtTree(puzzle, Thought(SearchState(puzzle), is_kept=True)) for puzzle in puzzles]
    level = [(tree, tree.root) for tree in trees]
    while level:
        # propose
        proposals = policy.sample_moves([thought.state for _, thought in level], n_proposals)
        candidates = [
            (tree, thought, child)
            for (tree, thought), moves in zip(level, proposals, strict=True)
            for child in tree.children_after(thought, moves, max_evaluated)
        ]
        # evaluate
        evaluations = evaluate([child.state for *_, child in candidates])
        evaluated = []
        for (tree, parent, child), evaluation in zip(candidates, evaluations, strict=True):
            if tree.add(child.state, evaluation, max_evaluated):
                child.value = evaluation.value
                parent.children.append(child)
                evaluated.append((tree, child))
        # select
        evaluated.sort(key=lambda pair: pair[1].value, reverse=True)
        n_selected = Counter()
        for tree, child in evaluated:
            child.is_kept = n_selected[tree.puzzle] < breadth
            n_selected[tree.puzzle] += 1
        level = [
            (tree, child)
            for tree, child in evaluated
            if child.is_kept
            and legal_moves(child.state.numbers)
            and tree.has_room(max_evaluated)
            and not (evaluate.uses_end_test and tree.best_value == 1)
        ]
        yield trees


def depth_first_search(
    puzzles: Sequence[Puzzle],
    policy: MovePolicy,
    evaluate: Evaluator,
    n_proposals: int = 5,
    threshold: float = 0.05,
    max_evaluated: int | None = 64,
) -> Iterator[list[ThoughtTree]]:
    """Search the best state first, prune states up to the threshold, and yield trees at each step.

    A puzzle ends when the end test finds a win, when no state is left to return to, or once
    `max_evaluated` states were evaluated. Each step continues the search of every open puzzle.
    """
    check_distinct(puzzles)
    check_at_least_1(n_proposals=n_proposals, max_evaluated=max_evaluated)
    trees = [ThoughtTree(puzzle, Thought(SearchState(puzzle), is_kept=True)) for puzzle in puzzles]
    stacks = [[tree.root] for tree in trees]
    while any(stacks):
        current = [
            (tree, stack, stack.pop()) for tree, stack in zip(trees, stacks, strict=True) if stack
        ]
        # propose
        proposals = policy.sample_moves([thought.state for *_, thought in current], n_proposals)
        children = [
            tree.children_after(thought, moves, max_evaluated)
            for (tree, _, thought), moves in zip(current, proposals, strict=True)
        ]
        # evaluate
        evaluations = iter(evaluate([child.state for each in children for child in each]))
        for (tree, _, thought), row in zip(current, children, strict=True):
            for child, evaluation in zip(row, evaluations, strict=False):
                child.value = evaluation.value
                if tree.is_finished or not tree.add(child.state, evaluation, max_evaluated):
                    tree.is_finished = True
                else:
                    thought.children.append(child)
        # select: the best child will be taken from the stack first
        for tree, stack, thought in current:
            for child in sorted(thought.children, key=lambda child: child.value):
                child.is_kept = child.value > threshold
                if child.is_kept and legal_moves(child.state.numbers):
                    stack.append(child)
            is_full = tree.is_finished or not tree.has_room(max_evaluated)
            if is_full or (evaluate.uses_end_test and tree.best_value == 1):
                stack.clear()
        yield trees


def sample_trace(
    model: GPT, puzzles: Sequence[Puzzle], generator: torch.Generator, temperature: float = 1.0
) -> list[tuple[str, Solution]]:
    """Sample one trace per puzzle: a search that the model generates as one text.

    The attempts of a trace are the branches, and `wait` goes back to the root. Nothing prunes or
    selects branches but the model itself.
    """
    prompts = [countdown_prompt(puzzle) for puzzle in puzzles]
    samples = sample_texts(model, prompts, 1, temperature, MAX_TRACE, generator)
    solutions = []
    for puzzle, [text] in zip(puzzles, samples, strict=True):
        has_answer = ANSWER in text.split() and count_attempts(text) <= MAX_ATTEMPTS
        answer = final_answer(text) if has_answer else None
        cost = Cost(generated_tokens(text.split(), MAX_TRACE))
        solutions.append((text, Solution(puzzle, answer, cost)))
    return solutions


def check_at_least_1(**numbers: int | None) -> None:
    """Raise BadInput for a number below 1."""
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise BadInput(f"{name} must be at least 1, got {number}")
