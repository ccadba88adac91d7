"""The interface of a tokenizer, and the simplest ones: a token per character or per word.

Byte-pair encoding has modules of its own: `byte_pair_tokenizer` learns its merges, and
`pretrained_tokenizer` has those of a published model.

Every tokenizer has one additional token, END_OF_TEXT, that separates documents. It is only ever
added by id: text that happens to spell it is encoded like any other text.
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
    """Interface that the rest of the package expects of a tokenizer."""

    vocab_size: int
    """Number of token ids, END_OF_TEXT included."""
    end_of_text: int
    """Id that separates documents: the last id, except in pretrained tokenizers."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of the text."""
        ...

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the UTF-8 bytes that the ids spell; one token may spell part of a character."""
        ...

    def to_json(self) -> dict[str, object]:
        """Return everything needed to rebuild the tokenizer, as JSON."""
        ...


def decode(tokenizer: Tokenizer, tokens: list[int]) -> str:
    """Return the text that the ids spell; incomplete characters become U+FFFD."""
    return tokenizer.decode_bytes(tokens).decode("utf-8", errors="replace")


def encode_with_prefix(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the tokens of a text, after those that a published model expects before any text."""
    prefix = tokenizer.prefix if isinstance(tokenizer, PretrainedTokenizer) else []
    return [*prefix, *tokenizer.encode(text)]


def end_tokens(tokenizer: Tokenizer) -> frozenset[int]:
    """Return the ids at which generation stops; published models often have several."""
    named = tokenizer.end_ids if isinstance(tokenizer, PretrainedTokenizer) else []
    return frozenset({tokenizer.end_of_text, *named})


class CharacterTokenizer:
    """One token per character: a small vocabulary and long sequences."""

    def __init__(self, characters: list[str]) -> None:
        self.characters = characters
        self.ids = {character: token for token, character in enumerate(characters)}
        self.vocab_size = len(characters) + 1
        self.end_of_text = self.vocab_size - 1

    @classmethod
    def train(cls, texts: list[str]) -> "CharacterTokenizer":
        """Collect the characters of the texts, in Unicode order."""
        return cls(sorted(set().union(*texts)))

    def encode(self, text: str) -> list[int]:
        """Return one id per character.

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
        """Return the UTF-8 bytes that the ids spell."""
        spelled = [*self.characters, END_OF_TEXT]
        return "".join(spelled[token] for token in tokens).encode()

    def to_json(self) -> dict[str, object]:
        """Return the characters, from which the tokenizer can be rebuilt."""
        return {"kind": "character", "characters": self.characters}


class WordTokenizer:
    """One token per word, run of white space or punctuation mark. Only chapters and tests use it.

    A word that is not in the vocabulary becomes `unknown` and is lost. BPE was invented to avoid
    this loss, so no command trains on words.
    """

    WORD = regex.compile(r"\w+|\s+|[^\w\s]")
    UNKNOWN = "<unknown>"

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.ids = {word: token for token, word in enumerate(words)}
        self.unknown = len(words)
        self.vocab_size = len(words) + 2
        self.end_of_text = self.vocab_size - 1

    @classmethod
    def train(cls, texts: list[str], vocab_size: int) -> "WordTokenizer":
        """Keep the most frequent words; of equally frequent words, those that occur first."""
        counts = Counter(word for text in texts for word in cls.WORD.findall(text))
        return cls([word for word, _ in counts.most_common(vocab_size - 2)])

    def encode(self, text: str) -> list[int]:
        """Return one id per word; words outside the vocabulary become `unknown`."""
        return [self.ids.get(word, self.unknown) for word in self.WORD.findall(text)]

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the UTF-8 bytes that the ids spell."""
        spelled = [*self.words, self.UNKNOWN, END_OF_TEXT]
        return "".join(spelled[token] for token in tokens).encode()

    def to_json(self) -> dict[str, object]:
        """Return the words, from which the tokenizer can be rebuilt."""
        return {"kind": "word", "words": self.words}


class WordLevelTokenizer:
    """One token per word of a fixed list, for small languages whose words are all known.

    Words are separated by white space; decoding puts one space before each word. `reasoning` has a
    token for each number, so that a model calculates with numbers and not with digits.
    """

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.ids = {word: token for token, word in enumerate(words)}
        self.vocab_size = len(words) + 1
        self.end_of_text = self.vocab_size - 1

    def encode(self, text: str) -> list[int]:
        """Return one id per word.

        Raises:
            BadInput: a word is not in the list.
        """
        words = text.split()
        unknown = next((word for word in words if word not in self.ids), None)
        if unknown is not None:
            raise BadInput(
                f"the word {unknown!r} is not among the {len(self.words)} of this vocabulary"
            )
        return [self.ids[word] for word in words]

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the UTF-8 bytes that the ids spell; each word begins with a space."""
        spelled = [*self.words, END_OF_TEXT]
        return "".join(f" {spelled[token]}" for token in tokens).encode()

    def to_json(self) -> dict[str, object]:
        """Return the words, from which the tokenizer can be rebuilt."""
        return {"kind": "word-level", "words": self.words}


def save_tokenizer(path: Path, tokenizer: Tokenizer) -> None:
    """Write the tokenizer to a JSON file."""
    write_atomically(path, json.dumps(tokenizer.to_json()).encode())


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer that `save_tokenizer` wrote.

    Raises:
        BadInput: the file is missing or damaged, or its kind of tokenizer is unknown.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["kind"] == "bpe":
            return BytePairTokenizer([(left, right) for left, right in state["merges"]])
        if state["kind"] == "character":
            return CharacterTokenizer(state["characters"])
        if state["kind"] == "word":
            return WordTokenizer(state["words"])
        if state["kind"] == "word-level":
            return WordLevelTokenizer(state["words"])
        if state["kind"] == "pretrained":
            return PretrainedTokenizer.from_json(state)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{str(path)!r} is missing or is not a tokenizer file of this package"
        ) from error
    raise BadInput(
        f"{str(path)!r} holds a tokenizer of kind {state['kind']!r}; accepted kinds are bpe, "
        "character, word, word-level and pretrained"
    )
