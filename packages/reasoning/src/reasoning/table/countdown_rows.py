"""Rows of countdown by name, and what each of them uses.

By letters: m the model, v a verifier, r the rules (which moves are legal), e the end test (whether
a complete attempt wins).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from reasoning.search.tree_policy import uct
from reasoning.table.sample_rows import (
    attempts_row,
    best_by_end_test,
    best_by_logprob,
    best_by_process,
    puzzle_sample,
    puzzle_vote,
    vote_by_process,
)
from reasoning.table.search_rows import (
    beam_row,
    mcts_row,
    model_and_own_verdict,
    model_and_process,
    model_and_rollouts,
    model_process_and_end_test,
    random_play_and_end_test,
    random_play_and_rollouts,
)
from reasoning.table.setting import Outcome, Setting
from reasoning.tasks.vocabulary import ANSWER


class CountdownRow(NamedTuple):
    """A row of the table."""

    outcomes: Callable[[Setting], list[Outcome]]
    oracles: str
    """Letters of the oracles that the row uses, as in the docstring of this module."""


N_CHOICES = (2, 4, 8, 16, 32)
COUNTDOWN_ROWS = {
    "at once": CountdownRow(partial(puzzle_sample, temperature=1.0, mode=ANSWER), "m"),
    "one trace": CountdownRow(partial(puzzle_sample, temperature=1.0), "m"),
    "one trace, T = 0.7": CountdownRow(partial(puzzle_sample, temperature=0.7), "m"),
    "one trace, greedy": CountdownRow(partial(puzzle_sample, temperature=0.0), "m"),
    **{
        f"{n} attempt{'s' * (n > 1)}": CountdownRow(partial(attempts_row, n_attempts=n), "m")
        for n in (1, 2, 3, 4, 8)
    },
    **{f"vote of {n}": CountdownRow(partial(puzzle_vote, n=n), "m") for n in N_CHOICES},
    "best of 8, log-probability": CountdownRow(partial(best_by_logprob, n=8), "m"),
    **{
        f"best of {n}, process": CountdownRow(partial(best_by_process, n=n), "m v")
        for n in N_CHOICES
    },
    **{
        f"best of 8, process, {how}": CountdownRow(partial(best_by_process, n=8, how=how), "m v")
        for how in ("min", "prod", "mean")
    },
    **{
        f"vote of {n}, by process": CountdownRow(partial(vote_by_process, n=n), "m v")
        for n in N_CHOICES
    },
    **{
        f"best of {n}, process of the answer": CountdownRow(
            partial(best_by_process, n=n, of_answer=True), "m v r"
        )
        for n in N_CHOICES
    },
    "ToT, own verdict, 8 of 8": CountdownRow(
        partial(beam_row, players=model_and_own_verdict, breadth=8), "m r"
    ),
    "ToT, own verdict, 8 of 20": CountdownRow(
        partial(beam_row, players=model_and_own_verdict, breadth=20), "m r"
    ),
    "ToT, process, 8 of 8": CountdownRow(
        partial(beam_row, players=model_and_process, breadth=8), "m v r"
    ),
    "MCTS, process": CountdownRow(partial(mcts_row, players=model_and_process), "m v r"),
    "ToT, process, end test": CountdownRow(
        partial(beam_row, players=model_process_and_end_test, breadth=8), "m v r e"
    ),
    "MCTS, process, end test": CountdownRow(
        partial(mcts_row, players=model_process_and_end_test), "m v r e"
    ),
    "MCTS, rollouts": CountdownRow(partial(mcts_row, players=model_and_rollouts), "m r e"),
    "UCT without a model": CountdownRow(
        partial(mcts_row, players=random_play_and_rollouts, branch_score=uct), "r e"
    ),
    "PUCT without a model": CountdownRow(
        partial(mcts_row, players=random_play_and_end_test), "r e"
    ),
    **{
        f"best of {n}, oracle": CountdownRow(partial(best_by_end_test, n=n), "m e")
        for n in N_CHOICES
    },
}
