"""Majority votes among free-text answers by math-verify; needs the extra `baselines`."""

from collections.abc import Sequence
from typing import Any

from math_verify import parse, verify

NO_LIMIT = 0
"""Seconds: math-verify's time limits are alarms, which would change verdicts on a busy machine."""


def library_vote(texts: Sequence[str], gold: str) -> bool | None:
    """Whether the answer that most texts give is right; None if no text gives one.

    Texts are grouped with the first earlier one that math-verify calls equal. The answer that came
    first wins a tie.
    """
    groups: list[list[Any]] = []
    for text in texts:
        answer = parse(text, parsing_timeout=NO_LIMIT)
        if not answer:
            continue
        for group in groups:
            if verify(group[0], answer, timeout_seconds=NO_LIMIT):
                group.append(answer)
                break
        else:
            groups.append([answer])
    if not groups:
        return None
    winner = max(groups, key=len)[0]
    return bool(verify(parse(gold, parsing_timeout=NO_LIMIT), winner, timeout_seconds=NO_LIMIT))
