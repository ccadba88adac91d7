"""What the book's first page says about exercises, counted in the chapters."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXERCISE = re.compile(r"```\{exercise\}\n:label: (\S+)")
SOLUTION = re.compile(r"```\{solution-start\} (\S+)\n(.*?)```\{solution-end\}", re.DOTALL)


def test_the_first_page_counts_the_exercises_and_those_with_a_check():
    texts = [path.read_text("utf-8") for path in ROOT.glob("packages/*/chapters/*.md")]
    labels = [label for text in texts for label in EXERCISE.findall(text)]
    solutions = dict(found for text in texts for found in SOLUTION.findall(text))
    checked = [label for label, text in solutions.items() if ".exercises.check_" in text]
    assert len(labels) == len(set(labels)) and set(labels) == set(solutions)
    first_page = " ".join((ROOT / "book/index.md").read_text("utf-8").split())
    assert f"All {len(labels)} have a solution" in first_page
    assert f"The {len(checked)} that ask for code also have a check" in first_page
