"""Two megabytes of real English that every Python ships with: its own documentation.

The language reference is in `pydoc_data.topics`. The docstrings of the standard library are read
from its source with `ast`, so that no module is imported and no code runs. A docstring that occurs
twice is kept once, so that it cannot end up in both the training and the validation text.
"""

import ast
import sysconfig
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from gpt.errors import BadInput

# Tests, bundled programs and installed packages, which are not the library's documentation.
SKIPPED_FOLDERS = {
    "dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test",
    "tests", "turtledemo",
}  # fmt: skip


def python_documentation() -> list[str]:
    """Return one document per topic of the language reference, then one per library module.

    The order is always the same: topics by name, then modules by path.

    Raises:
        BadInput: this Python was installed without its documentation.
    """
    documents = [*reference_topics(), *library_docstrings(Path(sysconfig.get_path("stdlib")))]
    if not documents:
        raise BadInput(
            "this Python was installed without its documentation; "
            "give a text with --data FILE, or install a Python from python.org or with uv"
        )
    return documents


def reference_topics() -> list[str]:
    """Return the topics of the language reference, sorted by name; some Pythons have none."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return []
    return [topics[name].strip() for name in sorted(topics)]


def library_docstrings(library: Path) -> list[str]:
    """Return one document per module: its docstrings in order, without those of earlier modules."""
    seen: set[str] = set()
    documents = []
    for path in sorted(library.rglob("*.py"), key=lambda path: path.as_posix()):
        if SKIPPED_FOLDERS.isdisjoint(path.relative_to(library).parts):
            new = [text for text in dict.fromkeys(docstrings(path)) if text not in seen]
            seen.update(new)
            if new:
                documents.append("\n\n".join(new))
    return documents


def docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of a source file, outermost first; none if the file does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old modules contain invalid escapes
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return
    left: deque[ast.AST] = deque([tree])
    while left:  # breadth first like ast.walk, but without expressions: a fifth of the nodes
        node = left.popleft()
        left.extend(each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text
