"""Questions about Python's standard library, answered by the first sentences of its docstrings.

Every documented public function, class, method and property gives one question. An answer that
occurs twice is kept once, and only then are the questions split, by whole top-level modules. So no
held-out answer is in the training questions.
"""

import random
import sysconfig
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from finetune.datasets.docstrings import file_definitions, first_sentence
from gpt.errors import BadInput
from gpt.text import documents
from gpt.text.corpus import SKIPPED_FOLDERS

# Modules whose source file has another name than the module that programs import.
PUBLIC_MODULE_NAMES = {
    "_collections_abc": "collections.abc",
    "_pydatetime": "datetime",
    "_pydecimal": "decimal",
    "_pyio": "io",
    "concurrent.futures._base": "concurrent.futures",
    "email._policybase": "email.policy",
    "genericpath": "os.path",
    "pathlib._local": "pathlib",
    "posixpath": "os.path",
    "zipfile._path": "zipfile",
}

QUESTION_TEMPLATES = {
    "function": ("What does {} do?", "What is {} for?", "Describe {}."),
    "method": ("What does {} do?", "What is {} for?", "Describe {}."),
    "class": ("What is {}?", "What is {} for?", "Describe {}."),
    "property": ("What is {}?", "What does {} hold?", "Describe {}."),
}


class Question(NamedTuple):
    """A question about one definition, and the answer from its documentation."""

    module: str
    """Name that programs import, such as `os.path`."""
    name: str
    """Name inside the module, such as `join` or `Thread.start`."""
    kind: str
    """`function`, `method`, `class` or `property`."""
    question: str
    answer: str


class QuestionSplit(NamedTuple):
    """Questions to train on, and held-out questions about other modules."""

    train: list[Question]
    held_out: list[Question]


def python_questions() -> list[Question]:
    """Return all questions about the standard library of this Python, in a stable order.

    Raises:
        BadInput: this Python was installed without the source of its library.
    """
    questions = library_questions(Path(sysconfig.get_path("stdlib")))
    if not questions:
        raise BadInput(
            "this Python was installed without the source of its library, from which the questions "
            "are made; give a file of questions, or use a Python from python.org or uv"
        )
    return questions


def library_questions(library: Path) -> list[Question]:
    """Return the questions about the modules in a folder, in the order of their paths.

    A second question with the same answer or the same name is dropped.
    """
    seen: set[str] = set()
    questions = []
    for path in sorted(library.rglob("*.py"), key=Path.as_posix):
        module = public_module_name(path.relative_to(library))
        for name, kind, docstring in file_definitions(path) if module else ():
            answer, question = first_sentence(docstring), question_text(module, name, kind)
            keys = {answer.casefold(), f"{module}.{name}"}
            if answer and seen.isdisjoint(keys):
                seen |= keys
                questions.append(Question(module, name, kind, question, answer))
    return questions


def public_module_name(path: Path) -> str:
    """Return the dotted name of a module, from its path in the library; empty if it is private."""
    parts = path.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    name = PUBLIC_MODULE_NAMES.get(name, name)
    public = all(part.isidentifier() and part[0] != "_" for part in name.split("."))
    return name if public and SKIPPED_FOLDERS.isdisjoint(parts) else ""


def question_text(module: str, name: str, kind: str) -> str:
    """Return the question about a definition; a hash of its name selects one of three templates."""
    dotted = f"{module}.{name}"
    templates = QUESTION_TEMPLATES[kind]
    thing = f"`{name}` of `{module}`" if kind in ("method", "property") else f"`{dotted}`"
    return templates[crc32(dotted.encode()) % len(templates)].format(f"the {kind} {thing}")


def split_by_module(questions: list[Question], share: float = 0.15, seed: int = 0) -> QuestionSplit:
    """Hold out about `share` of the questions: whole top-level modules, chosen by `seed`.

    Modules larger than a quarter of that share come last, so that none fills the held-out side.

    Raises:
        BadInput: the share is not between 0 and 1, or every module is too large.
    """
    if not 0 < share < 1:
        raise BadInput(f"the held-out share must lie between 0 and 1, got {share}")
    sizes = Counter(top_level_module(question) for question in questions)
    missing = wanted = share * len(questions)
    shuffled = random.Random(seed).sample(sorted(sizes), len(sizes))
    held_out = set()
    for module in sorted(shuffled, key=lambda module: sizes[module] > wanted / 4):
        if sizes[module] <= missing:
            held_out.add(module)
            missing -= sizes[module]
    if not held_out:
        raise BadInput(
            f"none of {len(sizes)} modules is small enough to hold out {share:.0%} "
            f"of {len(questions)} questions"
        )
    return QuestionSplit(
        train=[question for question in questions if top_level_module(question) not in held_out],
        held_out=[question for question in questions if top_level_module(question) in held_out],
    )


def top_level_module(question: Question) -> str:
    """Return the first part of the module's name, the unit that a split keeps together."""
    return question.module.partition(".")[0]


def questions_digest(questions: list[Question]) -> str:
    """Return the SHA-256 of all fields, which identifies this set of questions."""
    return documents.documents_sha256([field for question in questions for field in question])
