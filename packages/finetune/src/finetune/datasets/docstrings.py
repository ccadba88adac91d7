"""Questions about the standard library, answered by the first sentence of its docstrings.

Every public function, class, method and property that is documented gives one question. As in
`gpt.text.corpus` the source is read with `ast`: no module is imported and nothing runs.

An answer that stands in two places is kept once, and only then are the questions split, whole
top-level modules at a time. So nothing the model is asked at the end was in its lessons.
"""

import ast
import random
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from finetune.datasets.sentences import first_sentence
from gpt.errors import BadInput
from gpt.text import documents
from gpt.text.corpus import SKIPPED_FOLDERS

# Where a module lies under another name than the one its reader imports.
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
    """What is asked, about what, and what the documentation says."""

    module: str
    """As it is imported, `os.path`."""
    name: str
    """Inside the module, `join` or `Thread.start`."""
    kind: str
    """One of `function`, `method`, `class` and `property`."""
    question: str
    answer: str


class QuestionSplit(NamedTuple):
    """Questions to learn from, and questions about other modules to be judged on."""

    train: list[Question]
    held_out: list[Question]


def python_questions() -> list[Question]:
    """All questions about the standard library of this Python, in a stable order.

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
    """The questions about the modules in a folder, by path; each answer and each name once."""
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
    """The dotted name of a module by its path in the library; empty where it is not public."""
    parts = path.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    name = PUBLIC_MODULE_NAMES.get(name, name)
    public = all(part.isidentifier() and part[0] != "_" for part in name.split("."))
    return name if public and SKIPPED_FOLDERS.isdisjoint(parts) else ""


def file_definitions(path: Path) -> Iterator[tuple[str, str, str]]:
    """Name, kind and docstring of what is public in a file; nothing if it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old modules hold invalid escapes
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return
    yield from documented_definitions(tree, "")


def documented_definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, str, str]]:
    """What a module or class defines, also under an `if` or `try`; not what a function defines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If | ast.Try | ast.ExceptHandler):
            yield from documented_definitions(child, prefix)
        elif isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("_"):
                continue
            name = prefix + child.name
            if docstring := ast.get_docstring(child):
                yield name, definition_kind(child, prefix), docstring
            if isinstance(child, ast.ClassDef):
                yield from documented_definitions(child, f"{name}.")


def definition_kind(
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, prefix: str
) -> str:
    """The word for it in a question."""
    if isinstance(node, ast.ClassDef):
        return "class"
    if any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list):
        return "property"
    return "method" if prefix else "function"


def question_text(module: str, name: str, kind: str) -> str:
    """The question; its name decides which of three wordings it takes."""
    dotted = f"{module}.{name}"
    wordings = QUESTION_TEMPLATES[kind]
    thing = f"`{name}` of `{module}`" if kind in ("method", "property") else f"`{dotted}`"
    return wordings[crc32(dotted.encode()) % len(wordings)].format(f"the {kind} {thing}")


def split_by_module(questions: list[Question], share: float = 0.15, seed: int = 0) -> QuestionSplit:
    """Set aside about `share` of the questions, whole top-level modules chosen by `seed`.

    Modules with more than a quarter of that share come last: no single one fills the held-out side.

    Raises:
        BadInput: the share is not between 0 and 1, or no module is small enough.
    """
    if not 0 < share < 1:
        raise BadInput(f"the held-out share must lie between 0 and 1, got {share}")
    sizes = Counter(top_level_module(question) for question in questions)
    room = wanted = share * len(questions)
    drawn = random.Random(seed).sample(sorted(sizes), len(sizes))
    held_out = set()
    for module in sorted(drawn, key=lambda module: sizes[module] > wanted / 4):
        if sizes[module] <= room:
            held_out.add(module)
            room -= sizes[module]
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
    """The first part of the module's name: what is never on both sides of a split."""
    return question.module.partition(".")[0]


def questions_digest(questions: list[Question]) -> str:
    """SHA-256 of all fields: the name of exactly these questions."""
    return documents.documents_sha256([field for question in questions for field in question])
