"""Is a repetition continued as an induction head would?"""

from collections.abc import Callable

import torch

from gpt.inside.induction import RepeatTask, repeated_sequences


def check(continue_repetition: Callable[[list[int]], int | None]) -> None:
    """Check six short texts, then random sequences that are repeated."""
    cases = [
        ([4, 7, 1, 4], 7),
        ([4, 7, 4], 7),
        ([5, 1, 5, 2, 5], 2),
        ([3, 3], 3),
        ([1, 2, 3], None),
        ([6], None),
    ]
    for tokens, expected in cases:
        yours = continue_repetition(list(tokens))
        assert yours == expected, f"{tokens} continues with {expected}, not {yours}"

    rows = repeated_sequences(RepeatTask(), 20, torch.Generator().manual_seed(0)).tolist()
    for row in rows:
        yours = continue_repetition(row[:-1])
        assert yours == row[-1], f"{row[:-1]} continues with {row[-1]}, not {yours}"
