"""What a tokenizer is, and the two simplest: one token a character, one token a word.

Bytes merged into pairs have modules of their own: `byte_pair_tokenizer` learns them, and
`pretrained_tokenizer` takes those of a published model.

Every tokenizer has one token beyond its text, END_OF_TEXT, that stands between documents. It is
only ever added by id: text that happens to spell it is encoded like any other text.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Protocol, runtime_checkable

import regex

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.text.byte_pair_tokenizer import BytePairTokenizer as BytePairTokenizer
from gpt.text.documents import END_OF_TEXT
from gpt.text.pretrained_tokenizer import PretrainedTokenizer as PretrainedTokenizer


@runtime_checkable
class Tokenizer(Protocol):
    """What the rest of the package needs from a tokenizer."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids, END_OF_TEXT included."""
        ...

    @property
    def end_of_text(self) -> int:
        """The id that stands between documents; the last one, but for pretrained tokenizers."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token ids of the text."""
        ...

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """What the ids spell, in UTF-8; a lone token may spell part of a character."""
        ...

    def to_json(self) -> dict[str, object]:
        """Everything needed to make the tokenizer again, as JSON."""
        ...


def decode(tokenizer: Tokenizer, tokens: list[int]) -> str:
    """The text that the ids spell; bytes that are no whole character become U+FFFD."""
    return tokenizer.decode_bytes(tokens).decode("utf-8", errors="replace")


def end_tokens(tokenizer: Tokenizer) -> frozenset[int]:
    """The ids at which generation stops; published models often have several."""
    if isinstance(tokenizer, PretrainedTokenizer):
        return tokenizer.end_tokens
    return frozenset({tokenizer.end_of_text})


class CharacterTokenizer:
    """One token a character: the shortest vocabulary and the longest sequences."""

    def __init__(self, characters: list[str]) -> None:
        self.characters = characters
        self.ids = {character: token for token, character in enumerate(characters)}
        self.vocab_size = len(characters) + 1
        self.end_of_text = self.vocab_size - 1

    @classmethod
    def train(cls, texts: list[str]) -> "CharacterTokenizer":
        """Every character that occurs, in the order of Unicode."""
        return cls(sorted(set().union(*texts)))

    def encode(self, text: str) -> list[int]:
        """Token ids of the text.

        Raises:
            BadInput: a character did not occur in the training text.
        """
        unknown = next((character for character in text if character not in self.ids), None)
        if unknown is not None:
            raise BadInput(
                f"character {unknown!r} is not among the {len(self.characters)} of this vocabulary"
            )
        return [self.ids[character] for character in text]

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """What the ids spell, in UTF-8."""
        spelled = [*self.characters, END_OF_TEXT]
        return "".join(spelled[token] for token in tokens).encode()

    def to_json(self) -> dict[str, object]:
        """The characters are the whole tokenizer."""
        return {"kind": "character", "characters": self.characters}


class WordTokenizer:
    """One token a word, a run of spaces or a punctuation mark: short sequences, and unknown words.

    A word that is not in the vocabulary becomes `unknown` and is lost. That loss is the reason for
    BPE, and why no command trains on words.
    """

    PIECES = regex.compile(r"\w+|\s+|[^\w\s]")
    UNKNOWN = "<unknown>"

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.ids = {word: token for token, word in enumerate(words)}
        self.unknown = len(words)
        self.vocab_size = len(words) + 2
        self.end_of_text = self.vocab_size - 1

    @classmethod
    def train(cls, texts: list[str], vocab_size: int) -> "WordTokenizer":
        """The most frequent pieces; of equally frequent ones those that come first."""
        counts = Counter(piece for text in texts for piece in cls.PIECES.findall(text))
        return cls([word for word, _ in counts.most_common(vocab_size - 2)])

    def encode(self, text: str) -> list[int]:
        """Token ids of the text."""
        return [self.ids.get(piece, self.unknown) for piece in self.PIECES.findall(text)]

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """What the ids spell, in UTF-8."""
        spelled = [*self.words, self.UNKNOWN, END_OF_TEXT]
        return "".join(spelled[token] for token in tokens).encode()

    def to_json(self) -> dict[str, object]:
        """The words are the whole tokenizer."""
        return {"kind": "word", "words": self.words}


def save_tokenizer(path: Path, tokenizer: Tokenizer) -> None:
    """Write the tokenizer as JSON."""
    write_atomically(path, json.dumps(tokenizer.to_json()).encode())


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer that `save_tokenizer` wrote.

    Raises:
        BadInput: the file is missing, damaged, or of a kind that is not known.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["kind"] == "bpe":
            return BytePairTokenizer([(left, right) for left, right in state["merges"]])
        if state["kind"] == "character":
            return CharacterTokenizer(state["characters"])
        if state["kind"] == "word":
            return WordTokenizer(state["words"])
        if state["kind"] == "pretrained":
            return PretrainedTokenizer.from_json(state)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{str(path)!r} is missing or is not a tokenizer") from error
    raise BadInput(f"{str(path)!r} holds a tokenizer of unknown kind {state['kind']!r}")
