"""Our own byte-pair encoding as a tokenizer: it keeps the merges, and a compiled core runs them."""

from collections.abc import Callable
from functools import cached_property, lru_cache

import tiktoken

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.documents import END_OF_TEXT


class BytePairTokenizer:
    """Byte-level BPE: ids 0-255 are bytes, then the merges in order, then END_OF_TEXT.

    A word is merged by the core of tiktoken, built from our merges; `bpe.apply_merges` is the same
    function in Python, and a test holds the two equal. The core could cut the text into words as
    well, but its expressions panic at a million spaces in a row, and its tables of Unicode are not
    those that the merges were learned with.
    """

    def __init__(self, merges: list[bpe.Pair]) -> None:
        self.merges = merges
        self.vocab_size = 256 + len(merges) + 1
        self.end_of_text = self.vocab_size - 1

    @classmethod
    def train(cls, texts: list[str], vocab_size: int) -> "BytePairTokenizer":
        """Learn merges from the texts; a short text may give fewer tokens than asked for."""
        if vocab_size < 257:
            raise BadInput(f"byte-level BPE needs at least 257 tokens, got vocab_size {vocab_size}")
        return cls(bpe.train_merges(texts, vocab_size - 257))

    @cached_property
    def core(self) -> tiktoken.Encoding:
        """Our merges in tiktoken's compiled encoder, to which any text is one word."""
        ranks = {spelled: token for token, spelled in enumerate(bpe.token_bytes(self.merges))}
        return tiktoken.Encoding(
            "gpt",
            pat_str=r"[\s\S]+",
            mergeable_ranks=ranks,
            special_tokens={END_OF_TEXT: self.end_of_text},
        )

    @cached_property
    def word_tokens(self) -> Callable[[str], list[int]]:
        """From a word to its ids; most words of a text were seen before."""
        return lru_cache(maxsize=2**16)(self.core.encode_ordinary)

    def encode(self, text: str) -> list[int]:
        """Token ids of the text.

        Raises:
            BadInput: the text holds half of a surrogate pair, which UTF-8 cannot spell.
        """
        check_utf8(text)
        return [token for word in bpe.WORD_REGEX.findall(text) for token in self.word_tokens(word)]

    def encode_with_specials(self, text: str) -> list[int]:
        """Like `encode`, but END_OF_TEXT spelled in the text becomes its own token."""
        first, *others = text.split(END_OF_TEXT)
        tokens = self.encode(first)
        for piece in others:
            tokens += [self.end_of_text, *self.encode(piece)]
        return tokens

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """What the ids spell, in UTF-8."""
        return self.core.decode_bytes(tokens)

    def to_json(self) -> dict[str, object]:
        """The merges are the whole tokenizer."""
        return {"kind": "bpe", "merges": self.merges}


def check_utf8(text: str) -> None:
    """Refuse text that has no UTF-8 form."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput(
            f"character {text[error.start]!r} at position {error.start} is half of a surrogate pair"
        ) from error
