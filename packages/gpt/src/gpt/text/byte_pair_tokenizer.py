"""Our own byte-pair encoding as a tokenizer: our merges, run by a compiled core."""

from collections.abc import Callable
from functools import cached_property, lru_cache

import tiktoken

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.documents import END_OF_TEXT
from gpt.text.fast_bpe import train_merges_with_index


class BytePairTokenizer:
    """Byte-level BPE: ids 0-255 are bytes, then the merges in order, then END_OF_TEXT.

    The core of tiktoken, built from our merges, encodes the words. It computes the same function as
    `bpe.apply_merges`, and a test holds the two equal. The core could also split the text into
    words, but its regular expressions panic at a million spaces in a row, and its Unicode tables
    differ from those that the merges were learned with.
    """

    def __init__(self, merges: list[bpe.Pair]) -> None:
        self.merges = merges
        self.vocab_size = 256 + len(merges) + 1
        self.end_of_text = self.vocab_size - 1

    @classmethod
    def train(cls, texts: list[str], vocab_size: int) -> "BytePairTokenizer":
        """Learn merges from the texts; a short text may yield fewer tokens than `vocab_size`.

        Raises:
            BadInput: `vocab_size` leaves no room for the 256 bytes and END_OF_TEXT.
        """
        if vocab_size < 257:
            raise BadInput(f"byte-level BPE needs at least 257 tokens, got vocab_size {vocab_size}")
        return cls(train_merges_with_index(texts, vocab_size - 257))

    @cached_property
    def core(self) -> tiktoken.Encoding:
        """Tiktoken's compiled encoder with our merges; it treats any text as one word."""
        ranks = {spelled: token for token, spelled in enumerate(bpe.token_bytes(self.merges))}
        return tiktoken.Encoding(
            "gpt",
            pat_str=r"[\s\S]+",
            mergeable_ranks=ranks,
            special_tokens={END_OF_TEXT: self.end_of_text},
        )

    @cached_property
    def word_tokens(self) -> Callable[[str], list[int]]:
        """Function from a word to its ids, with a cache: most words of a text occur repeatedly."""
        return lru_cache(maxsize=2**16)(self.core.encode_ordinary)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of the text.

        Raises:
            BadInput: the text holds half of a surrogate pair, which UTF-8 cannot encode.
        """
        check_utf8(text)
        return [token for word in bpe.WORD_REGEX.findall(text) for token in self.word_tokens(word)]

    def encode_with_specials(self, text: str) -> list[int]:
        """Encode the text, and turn each END_OF_TEXT spelled in it into its own token."""
        first, *others = text.split(END_OF_TEXT)
        tokens = self.encode(first)
        for piece in others:
            tokens += [self.end_of_text, *self.encode(piece)]
        return tokens

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the UTF-8 bytes that the ids spell."""
        return self.core.decode_bytes(tokens)

    def to_json(self) -> dict[str, object]:
        """Return the merges, from which the tokenizer can be rebuilt."""
        return {"kind": "bpe", "merges": self.merges}


def check_utf8(text: str) -> None:
    """Refuse text that cannot be encoded in UTF-8.

    Raises:
        BadInput: the text holds half of a surrogate pair.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput(
            f"character {text[error.start]!r} at position {error.start} is half of a surrogate pair"
        ) from error
