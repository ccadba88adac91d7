"""Words to train on, spelled in characters: each character has a token id, and END has 0.

END also begins a word: from END c a t the model learns to predict c a t END.
"""

import ast
import random
import re
import sysconfig
from pathlib import Path
from typing import NamedTuple

END = 0


class Words(NamedTuple):
    """Different words, split into those to train on and those held out."""

    training: list[str]
    held_out: list[str]
    characters: str
    """The character at index i has token id i + 1."""


def split_words(texts: list[str], seed: int) -> Words:
    """Drop duplicates, shuffle, and hold out one word in ten, but at most a thousand.

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
    """Return the words of a text file, split at white space.

    Raises:
        ValueError: the file is not text in UTF-8.
        OSError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not text in UTF-8") from error


def library_names() -> list[str]:
    """Return names used in this Python's standard library: lower-case letters and underscores.

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


def spell(word: str, characters: str, context: int | None = None) -> tuple[list[int], list[int]]:
    """Return the tokens and the targets of a word, cut to the length of a context."""
    ids = [characters.index(character) + 1 for character in word]
    return [END, *ids][:context], [*ids, END][:context]
