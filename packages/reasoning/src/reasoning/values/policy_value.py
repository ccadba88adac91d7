r"""The chance that a policy wins from a state, computed exactly: V^pi.

    V^pi(m_1 .. m_k) = sum over all sequences of moves that begin with m_1 .. m_k and win
                       of p(rest of the sequence | prompt, m_1 .. m_k)

A puzzle of four numbers has a few hundred sequences, so the model reads all of them in one batch,
and no sampling is needed. Estimates by samples and learned values are compared with this number. It
is about the first attempt, whose moves have the larger number first, as in the traces.
"""

import math
from collections.abc import Iterator

import torch

from gpt.policy.policy import Policy
from gpt.policy.rows import pad_examples, prompt_answer_example
from reasoning.search.state import Moves
from reasoning.start.traces import STEP_TOKENS, countdown_prompt, moves_text
from reasoning.tasks.countdown import Numbers, Puzzle, after_move, legal_moves
from reasoning.tasks.vocabulary import TOKENIZER


def move_sequences(numbers: Numbers) -> Iterator[Moves]:
    """Yield every sequence of legal moves that leaves one number."""
    if len(numbers) == 1:
        yield ()
    for move in legal_moves(numbers):
        for later in move_sequences(after_move(numbers, move)):
            yield (move, *later)


@torch.no_grad()
def policy_values(policy: Policy, puzzle: Puzzle) -> dict[Moves, float]:
    """Return V^pi after each possible beginning of the first attempt; () is the whole puzzle."""
    sequences = list(move_sequences(puzzle.numbers))
    prompt = TOKENIZER.encode(countdown_prompt(puzzle))
    rows = pad_examples(
        [prompt_answer_example(prompt, TOKENIZER.encode(moves_text(each))) for each in sequences]
    ).to(policy.head_weight.device)
    logprobs = policy(rows.tokens, rows.mask)[:, len(prompt) - 1 :].double()
    # the log-probability of each beginning, in the columns 0 to the number of moves
    by_move = logprobs.reshape(len(sequences), -1, STEP_TOKENS).sum(-1)
    beginnings = torch.nn.functional.pad(by_move.cumsum(-1), (1, 0))
    chances: dict[Moves, float] = {}
    for sequence, row in zip(sequences, beginnings.tolist(), strict=True):
        wins = sequence[-1].result == puzzle.target
        for k, logprob in enumerate(row):
            rest = math.exp(row[-1] - logprob) if wins else 0.0
            chances[sequence[:k]] = chances.get(sequence[:k], 0.0) + rest
    return chances
