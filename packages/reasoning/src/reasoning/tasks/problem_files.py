r"""Problems from files of GSM8K and MATH, in the formats in which they are published.

    GSM8K   {"question": ..., "answer": "48 / 2 = <<48/2=24>>24 ... #### 72"}
    MATH    {"problem": ..., "level": "Level 3", "type": "Algebra", "solution": "... \boxed{72}"}

(Cobbe et al. 2021; Hendrycks et al. 2021.) A file of JSON lines, a JSON file with one problem, or a
folder of such files. A field that is neither of these is refused by its name: what it means is not
known here. A problem whose answer `evaluation.math_values` cannot read is dropped, and counted.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gpt.errors import BadInput
from gpt.files import reject_duplicate_keys
from reasoning.evaluation.extraction import MARK, free_answer
from reasoning.evaluation.math_values import MathValue

GSM8K_FIELDS = ("question", "answer")
MATH_FIELDS = ("problem", "level", "type", "solution")
ANNOTATION = re.compile(r"<<[^<>\n]*>>")
"""What GSM8K writes into a solution for a calculator."""


class TextProblem(NamedTuple):
    """A problem in words, with its worked solution and the value of its answer."""

    question: str
    solution: str
    answer: MathValue
    level: str = ""
    """Difficulty and subject as MATH gives them, such as "Level 3"; empty in other tasks."""
    subject: str = ""


class ProblemFile(NamedTuple):
    """Problems that can be checked, and how many cannot."""

    problems: tuple[TextProblem, ...]
    dropped: Counter[str]
    """Number of problems that were dropped, by the reason."""


def read_problems(path: Path) -> ProblemFile:
    """Read all problems of a file or a folder.

    Raises:
        BadInput: there is nothing to read, or a line is damaged or has unknown fields.
    """
    problems: list[TextProblem] = []
    dropped: Counter[str] = Counter()
    for file in problem_files(path):
        for place, text in numbered_records(file):
            problem = parse_problem(place, text)
            if isinstance(problem, TextProblem):
                problems.append(problem)
            else:
                dropped[problem] += 1
    if not problems:
        raise BadInput(f"{str(path)!r} has no problem whose answer can be checked")
    return ProblemFile(tuple(problems), dropped)


def problem_files(path: Path) -> list[Path]:
    """Return the files of a folder in the order of their names, or the file itself."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in (".json", ".jsonl"))
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r}")
    return [path]


def numbered_records(file: Path) -> Iterator[tuple[str, str]]:
    """Yield each JSON text of a file with its place: the file's name, and the line if it has any.

    Raises:
        BadInput: the file is not UTF-8.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(file)!r} is not a text file in UTF-8") from error
    if file.suffix == ".json":
        yield repr(str(file)), text
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{str(file)!r}, line {number},", line


def parse_problem(place: str, text: str) -> TextProblem | str:
    """Return a problem, or why it is dropped.

    Raises:
        BadInput: the text is damaged, or has fields of neither format.
    """
    try:
        record: Any = json.loads(text, object_pairs_hook=reject_duplicate_keys)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place} is damaged: {error}") from error
    if not isinstance(record, dict):
        raise BadInput(f"{place} holds a {type(record).__name__} and no object")
    fields = GSM8K_FIELDS if "question" in record else MATH_FIELDS
    check_fields(place, record, fields)
    question, solution = record[fields[0]], record[fields[-1]]
    if not question.strip():
        raise BadInput(f"{place} has an empty {fields[0]!r}")
    marks = [mark[0] for mark in MARK.finditer(solution)]
    if fields is GSM8K_FIELDS and marks[-1:] != ["####"]:
        raise BadInput(f"{place} has an answer without '#### ' and its value")
    if not marks:
        return r"no \boxed{...} in the solution"
    answer = free_answer(solution)
    if answer is None:
        return "an answer that is not read exactly, such as a formula or a word"
    steps = ANNOTATION.sub("", solution.split("####")[0]).strip()
    return TextProblem(question, steps, answer, record.get("level", ""), record.get("type", ""))


def check_fields(place: str, record: dict[str, Any], fields: tuple[str, ...]) -> None:
    """Refuse a record whose fields are not exactly these, each with a text.

    Raises:
        BadInput: fields are missing, unknown, or not text.
    """
    if unknown := sorted(set(record) - set(fields)):
        raise BadInput(
            f"{place} has the unknown field {unknown[0]!r}; a problem has {', '.join(GSM8K_FIELDS)}"
            f" (GSM8K) or {', '.join(MATH_FIELDS)} (MATH)"
        )
    if missing := [name for name in fields if name not in record]:
        raise BadInput(f"{place} has no field {missing[0]!r}")
    if wrong := [name for name in fields if not isinstance(record[name], str)]:
        raise BadInput(
            f"{place} has {wrong[0]!r} of type {type(record[wrong[0]]).__name__}, expected text"
        )
