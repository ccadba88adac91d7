"""Pictures of traces, votes and trees, for the terminal and as JSON."""

from typing import Any, Protocol, runtime_checkable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from reasoning.search.result import SearchTree
from reasoning.search.state import Moves, SearchState
from reasoning.search.tree_of_thoughts import Thought, ThoughtTree
from reasoning.search.tree_policy import Node
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import WAIT

MAX_SHOWN = 5
"""Children of a node that are drawn; the others are counted."""
BAR_WIDTH = 24


@runtime_checkable
class Picture(Protocol):
    """A drawing of the work of a method."""

    def __rich__(self) -> RenderableType:
        """Return a drawing for the terminal."""
        ...

    def as_json(self) -> dict[str, Any]:
        """Return the same in full."""
        ...


class TracePicture:
    """A trace, with one attempt per line."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich__(self) -> Text:
        """Break the line after each `wait`."""
        return Text(self.text.replace(f" {WAIT} ", f" {WAIT}\n"))

    def as_json(self) -> dict[str, Any]:
        """Return the text."""
        return {"trace": self.text}


class VotePicture:
    """Answers with their votes."""

    def __init__(self, votes: dict[str, float], n_samples: int) -> None:
        self.votes, self.n_samples = votes, n_samples

    def __rich__(self) -> Table:
        """Draw a bar per answer, the answer with most votes first."""
        table = Table("votes", "", "answer", box=None)
        ordered = sorted(self.votes.items(), key=lambda vote: -vote[1])
        most = max(self.votes.values(), default=1)
        for answer, n_votes in ordered:
            bar = "█" * max(1, round(BAR_WIDTH * n_votes / most))
            table.add_row(f"{n_votes:.0f}", bar, answer)
        missing = self.n_samples - sum(self.votes.values())
        if missing:
            table.add_row(f"{missing:.0f}", "", "no answer", style="dim")
        return table

    def as_json(self) -> dict[str, Any]:
        """Return the votes of each answer."""
        return {"votes": self.votes, "n_samples": self.n_samples}


class ScorePicture:
    """Answers with the highest score that a verifier gave a trace with this answer."""

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores

    def __rich__(self) -> Table:
        """List the answers, the best first."""
        table = Table("score", "answer", box=None)
        for answer, score in sorted(self.scores.items(), key=lambda item: -item[1]):
            table.add_row(f"{score:.2f}", answer)
        return table

    def as_json(self) -> dict[str, Any]:
        """Return the scores."""
        return {"scores": self.scores}


class BranchPicture:
    """The tree of a Monte-Carlo search, with the visits and the value of each move."""

    def __init__(self, tree: SearchTree[Node]) -> None:
        self.tree = tree

    def __rich__(self) -> Tree:
        """Draw the moves with most visits, and the best attempt in any case."""
        puzzle, root = self.tree.puzzle, self.tree.root
        drawing = Tree(f"{puzzle_label(puzzle)}   visits {root.visits}, value {root.value:.2f}")
        draw_branches(drawing, root, SearchState(puzzle), self.tree.best_attempt or ())
        return drawing

    def as_json(self) -> dict[str, Any]:
        """Return the visited moves as a nested list."""
        root = self.tree.root
        return {"visits": root.visits, "value": root.value, "moves": branches_as_json(root)}


class ThoughtPicture:
    """The tree of thoughts, with the value of each thought, and whether it was kept or pruned."""

    def __init__(self, tree: ThoughtTree) -> None:
        self.tree = tree

    def __rich__(self) -> Tree:
        """Draw the thoughts that were kept, and the first of the others."""
        drawing = Tree(puzzle_label(self.tree.puzzle))
        draw_thoughts(drawing, self.tree.root, self.tree.best_attempt or ())
        return drawing

    def as_json(self) -> dict[str, Any]:
        """Return all thoughts as a nested list."""
        return {"moves": thoughts_as_json(self.tree.root)}


def draw_branches(drawing: Tree, node: Node, state: SearchState, best: Moves) -> None:
    """Draw the moves of a node and all later ones; a rollout draws the rest of the best attempt."""
    depth = len(state.moves)
    visited = [branch for branch in node.branches if branch.visits]
    visited.sort(key=lambda branch: (branch.move not in best[depth:][:1], -branch.visits))
    for branch in visited[:MAX_SHOWN]:
        child = state.child(branch.move)
        counts = f"visits {branch.visits}, value {branch.value:.2f}, prior {branch.prior:.2f}"
        twig = drawing.add(move_label(child, counts, best))
        draw_branches(twig, branch.child, child, best)
    draw_count(drawing, len(node.branches) - len(visited[:MAX_SHOWN]))
    if not visited and best[:depth] == state.moves:
        for move in best[depth:]:
            state = state.child(move)
            drawing = drawing.add(move_label(state, "rollout", best))


def draw_thoughts(drawing: Tree, thought: Thought, best: Moves) -> None:
    """Draw the thoughts after a thought; a rollout draws the rest of the best attempt."""
    depth = len(thought.state.moves)
    children = sorted(thought.children, key=lambda child: (not child.is_kept, -child.value))
    for child in children[:MAX_SHOWN]:
        verdict = "kept" if child.is_kept else "pruned"
        twig = drawing.add(move_label(child.state, f"value {child.value:.2f}, {verdict}", best))
        draw_thoughts(twig, child, best)
    draw_count(drawing, len(children[MAX_SHOWN:]))
    if not children and best[:depth] == thought.state.moves:
        state = thought.state
        for move in best[depth:]:
            state = state.child(move)
            drawing = drawing.add(move_label(state, "rollout", best))


def draw_count(drawing: Tree, n_hidden: int) -> None:
    """Say how many moves are not drawn, below those that are."""
    if n_hidden and drawing.children:
        drawing.add(Text(f"and {n_hidden} more", style="dim"))


def puzzle_label(puzzle: Puzzle) -> str:
    """Return the task of a puzzle in words."""
    return f"{puzzle.target} of {' '.join(map(str, puzzle.numbers))}"


def move_label(state: SearchState, about: str, best: Moves) -> Text:
    """Return the last move of a state, what is left, and what is known about it."""
    left = " ".join(map(str, state.numbers))
    text = Text(f"{'{} {} {} = {}'.format(*state.moves[-1])}   ")
    text.append(f"left: {left}   {about}", style="dim")
    if best[: len(state.moves)] == state.moves:
        text.stylize("bold green" if SearchState(state.puzzle, best).is_won else "bold")
    return text


def branches_as_json(node: Node) -> list[dict[str, Any]]:
    """Return the visited moves of a node, with those after them."""
    return [
        {
            "move": "{} {} {} = {}".format(*branch.move),
            "visits": branch.visits,
            "value": branch.value,
            "prior": branch.prior,
            "moves": branches_as_json(branch.child),
        }
        for branch in sorted(node.branches, key=lambda branch: -branch.visits)
        if branch.visits
    ]


def thoughts_as_json(thought: Thought) -> list[dict[str, Any]]:
    """Return the thoughts after a thought, with those after them."""
    return [
        {
            "move": "{} {} {} = {}".format(*child.state.moves[-1]),
            "value": child.value,
            "kept": child.is_kept,
            "moves": thoughts_as_json(child),
        }
        for child in thought.children
    ]
