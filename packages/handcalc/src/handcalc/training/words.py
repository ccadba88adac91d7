"""Words to learn from, spelled in characters: each has a number, and 0 stands for the end.

A word is read from an end to an end: of "cat" the model reads END c a t and is to say c a t END.
"""

import ast
import random
import re
import sysconfig
from pathlib import Path
from typing import NamedTuple

END = 0


class Words(NamedTuple):
    """Different words, some of them kept from training."""

    training: list[str]
    held_out: list[str]
    characters: str
    """The one at i has number i + 1."""


def words_of(texts: list[str], seed: int) -> Words:
    """Each word once, in a drawn order; one in ten is held out, up to a thousand.

    Raises:
        ValueError: there are fewer than ten different words.
    """
    words = sorted(set(texts))
    if len(words) < 10:
        raise ValueError(f"training needs at least ten different words, and there are {len(words)}")
    random.Random(seed).shuffle(words)
    n = min(len(words) // 10, 1000)
    return Words(words[n:], words[:n], "".join(sorted(set("".join(words)))))


def read_words(path: Path) -> list[str]:
    """What stands between white space in a file.

    Raises:
        ValueError: it is not text in UTF-8.
        OSError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not text in UTF-8") from error


def identifiers() -> list[str]:
    """Names in the standard library of this Python: small letters and underscores.

    Raises:
        ValueError: this Python comes without the source of its library.
    """
    found: set[str] = set()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            for field in ("id", "attr", "arg", "name"):
                found.add(str(getattr(node, field, "")))
    names = sorted(name for name in found if re.fullmatch("[a-z][a-z_]{2,14}", name))
    if not names:
        raise ValueError("this Python has no source of its library; give a file of words")
    return names


def spelled(word: str, characters: str, context: int | None = None) -> tuple[list[int], list[int]]:
    """Tokens and targets of a word; what is too long for a context is cut."""
    numbers = [characters.index(character) + 1 for character in word]
    return [END, *numbers][:context], [*numbers, END][:context]
