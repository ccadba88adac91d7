"""What the indexes of the book say about the chapters and their exercises is counted here."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(ROOT.glob("packages/*/chapters/[0-9]*.md"))


def count(pattern: str, pages: list[Path]) -> int:
    return sum(len(re.findall(pattern, page.read_text("utf-8"), re.MULTILINE)) for page in pages)


def test_the_index_of_the_book_counts_exercises_and_those_with_a_check():
    exercises = count(r"^```\{exercise\}", CHAPTERS)
    assert count(r"^```\{solution(-start)?\}", CHAPTERS) == exercises
    said = re.search(
        r"All (\d+) have a solution to unfold. The (\d+) that ask for code",
        (ROOT / "book" / "index.md").read_text("utf-8"),
    )
    assert said is not None
    checks = count(r"from \w+\.exercises\.check_", CHAPTERS)
    assert (int(said[1]), int(said[2])) == (exercises, checks)


def test_every_chapter_but_the_last_has_its_fixed_parts():
    for title in ("In plain words", "For engineers", "Exercises"):
        without = [page for page in CHAPTERS if not count(f"^## {title}$", [page])]
        assert [page.stem for page in without] == ["17-alternatives"], title


def test_gpt_counts_its_exercises():
    pages = [page for page in CHAPTERS if page.parts[-3] == "gpt"]
    index = (pages[0].parent / "index.md").read_text("utf-8")
    said = re.search(r"Of the (\d+) exercises, (\d+) are questions and (\d+) ask", index)
    assert said is not None
    exercises, checks = count(r"^```\{exercise\}", pages), count(r"exercises\.check_", pages)
    assert (int(said[1]), int(said[2]), int(said[3])) == (exercises, exercises - checks, checks)
