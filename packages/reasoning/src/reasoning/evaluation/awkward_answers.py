"""Awkward answers: texts that are easy to misread, each with the value that is right or wrong.

The verdicts follow the rules of `math_values` and `extraction`. Where math-verify decides
otherwise, the row says why; `baselines.check_awkward_answers` runs both.
"""

import json
from pathlib import Path
from typing import NamedTuple

AWKWARD_ANSWERS_FILE = Path(__file__).with_name("awkward_answers.jsonl")


class AwkwardAnswer(NamedTuple):
    """A text, and whether it answers a value."""

    group: str
    """What is awkward about it."""
    gold: str
    text: str
    right: bool
    differs: str = ""
    """Why math-verify decides otherwise; empty where both agree."""


def read_awkward_answers() -> list[AwkwardAnswer]:
    """Return the list that comes with the package."""
    lines = AWKWARD_ANSWERS_FILE.read_text("utf-8").splitlines()
    return [AwkwardAnswer(**json.loads(line)) for line in lines]
