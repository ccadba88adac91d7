"""Docstrings of a Python source file, and the first sentence of a docstring.

The source is parsed with `ast`; nothing is imported and nothing runs. Docstrings also contain
signatures, examples, tables and lists of parameters. A first sentence is used if it begins with a
capital, has 3 to 30 words in printable ASCII, and can end with a full stop.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

# :class:`~os.PathLike` is read as os.PathLike.
SPHINX_ROLE = re.compile(r":[a-z:]+:`~?([^`]*)`")
# A full stop that ends a sentence: not part of an abbreviation, and no small letter follows.
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!\betc)(?<!\bvs)(?<!\bcf)\.(?=\s+[^a-z\s]|$)")
# An example, an arrow, a call before the text, a parameter, a drawn line, an ellipsis.
NO_PROSE = re.compile(
    r">>>|->|=>|::|^\w[\w.]*\([^)]*\)|[:@](param|return|raise)|[-=+*|_~]{3,}|\.\.$"
)


def file_definitions(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, kind and docstring of the public definitions in a file.

    A file that cannot be parsed has none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old modules contain invalid escapes
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return
    yield from documented_definitions(tree, "")


def documented_definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield the definitions of a module or class, also under `if` and `try`.

    Definitions inside a function are not reached.
    """
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
    """Return the word for a definition: class, property, method or function."""
    if isinstance(node, ast.ClassDef):
        return "class"
    if any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list):
        return "property"
    return "method" if prefix else "function"


def first_sentence(docstring: str) -> str:
    """Return the first sentence on one line, with a full stop; empty if it is not prose."""
    paragraph = re.split(r"\n\s*\n", docstring.strip())[0]
    text = " ".join(SPHINX_ROLE.sub(r"\1", paragraph).replace("``", "").split())
    end = SENTENCE_END.search(text)
    text = text[: end.end()] if end else text
    if not is_prose(text):
        return ""
    return text if text.endswith(".") else f"{text}."


def is_prose(text: str) -> bool:
    """Return whether a line can be used as an answer; its full stop may be missing."""
    return (
        text.isascii()
        and text.isprintable()
        and text[:1].isupper()
        and 3 <= len(text.split()) <= 30
        and text[-1] not in ",;:!?([{-"
        and not NO_PROSE.search(text)
        and all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))
        and text.count("`") % 2 == text.count('"') % 2 == 0
    )
