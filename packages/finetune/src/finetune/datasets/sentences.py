"""One line of prose from a docstring: its first sentence, or nothing.

Docstrings also hold signatures, examples, tables and lists of parameters. A sentence that is kept
begins with a capital, has 3 to 30 words in printable ASCII, and ends with a full stop.
"""

import re

# :class:`~os.PathLike` is read as os.PathLike.
SPHINX_ROLE = re.compile(r":[a-z:]+:`~?([^`]*)`")
# A full stop that ends a sentence: no abbreviation, and no small letter behind it.
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!\betc)(?<!\bvs)(?<!\bcf)\.(?=\s+[^a-z\s]|$)")
# An example, an arrow, a call before the text, a parameter, a drawn line, an ellipsis.
NO_PROSE = re.compile(
    r">>>|->|=>|::|^\w[\w.]*\([^)]*\)|[:@](param|return|raise)|[-=+*|_~]{3,}|\.\.$"
)


def first_sentence(docstring: str) -> str:
    """The first sentence on one line, with a full stop; empty where it is no prose."""
    paragraph = re.split(r"\n\s*\n", docstring.strip())[0]
    text = " ".join(SPHINX_ROLE.sub(r"\1", paragraph).replace("``", "").split())
    end = SENTENCE_END.search(text)
    text = text[: end.end()] if end else text
    if not is_prose(text):
        return ""
    return text if text.endswith(".") else f"{text}."


def is_prose(text: str) -> bool:
    """Whether a line can stand as an answer, but for a full stop that may be missing."""
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
