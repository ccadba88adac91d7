r"""The byte-level BPE of a published model: its vocabulary, its merges, its way to split text.

GPT-2 (Radford et al. 2019, section 2.2), Llama 3 and SmolLM2 all split text into words, spell each
word in bytes, and merge neighbours in the order of training. They differ in how they split text, in
their ids, and in the tokens added to the vocabulary, such as the special tokens of a conversation.

tiktoken's compiled core cannot be used: it merges two neighbours whenever their joined bytes are in
the vocabulary, while these models were trained with the listed pairs only. A published vocabulary
may lack bytes that its training text never contained (SmolLM2 lacks 21 of the 256). Like the
library `tokenizers`, we drop them when encoding.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import regex

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.byte_pair_tokenizer import check_utf8
from gpt.text.fast_bpe import MergeRule, apply_merges_with_queue

# Vocabularies write a byte as one printable character: the 188 bytes that are printable in Latin-1
# as themselves, the others as U+0100 onwards. A space becomes U+0120 and a newline U+010A.
CHARACTER_OF_BYTE = {
    byte: chr(byte) if token < 188 else chr(256 + token - 188)
    for byte, token in bpe.ID_OF_BYTE.items()
}
BYTE_OF_CHARACTER = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}


class AddedToken(NamedTuple):
    """A token that BPE does not produce: the text is split at it first."""

    token: int
    content: str
    special: bool  # whether only `encode_with_specials` recognises the token in a text
    lstrip: bool = False  # whether the token includes the white space to its left
    rstrip: bool = False  # whether the token includes the white space to its right


def split_keeping_matches(pattern: regex.Pattern[str], text: str) -> Iterator[str]:
    """Yield the matches of a pattern and the pieces between them, in order."""
    end = 0
    for match in pattern.finditer(text):
        yield text[end : match.start()]
        yield match.group()
        end = match.end()
    yield text[end:]


def added_token_regex(added: list[AddedToken]) -> regex.Pattern[str]:
    """Return a pattern with one group per token; the first token that matches wins.

    White space to the left is matched from where it begins, since a search that could begin at any
    of its characters would take quadratic time.
    """
    before, after = r"(?:(?<!\s)|\G)\s*", r"\s*"
    groups = (
        f"({before * each.lstrip}{regex.escape(each.content)}{after * each.rstrip})"
        for each in added
    )
    return regex.compile("|".join(groups) or "(?!)")  # "(?!)" never matches


@dataclass
class PretrainedTokenizer:
    """A tokenizer from the parts listed in a published `tokenizer.json` or GGUF file."""

    vocab: dict[str, int]  # ids by token, with a printable character per byte
    merges: list[tuple[str, str]]  # pairs of tokens of `vocab`, in the order of training
    splits: list[str]  # patterns; each splits the pieces that the previous pattern left
    added: list[AddedToken]
    roles: dict[str, str]  # added tokens by role: "bos_token", "eos_token", "pad_token", ...
    prefix: list[int]  # ids to put before a text, such as the begin token of Llama 3
    chat_template: str | None = None
    ignore_merges: bool = False  # whether a word in `vocab` becomes that token (Llama 3)
    end_ids: list[int] = field(
        default_factory=list
    )  # ids that end generation, from the model's files

    def __post_init__(self) -> None:
        """Refuse parts that contradict each other, and number the tokens."""
        for left, right in self.merges:
            if not {left, right, left + right} <= self.vocab.keys():
                raise BadInput(
                    f"the merge of {left!r} and {right!r} is not in the vocabulary; it must "
                    "hold both tokens and their merge"
                )
        self.ids = self.vocab | {each.content: each.token for each in self.added}
        if self.roles.get("eos_token") not in self.ids:
            raise BadInput(
                f"no token ends a text: eos_token is {self.roles.get('eos_token')!r}; "
                "it must be a token of the vocabulary"
            )
        self.end_of_text = self.ids[self.roles["eos_token"]]
        self.vocab_size = max(self.ids.values()) + 1  # the highest id need not be listed last
        try:
            self.patterns = [regex.compile(split) for split in self.splits]
        except regex.error as error:
            raise BadInput(f"cannot split text by {self.splits}: {error}") from error

    @cached_property
    def ranked_merges(self) -> dict[bpe.Pair, MergeRule]:
        """Merge rules by pair of ids."""
        vocab = self.vocab
        return {
            (vocab[left], vocab[right]): MergeRule(rank, vocab[left + right])
            for rank, (left, right) in enumerate(self.merges)
        }

    @cached_property
    def spelled(self) -> dict[int, bytes]:
        """Bytes that each id spells; an added token spells its own text."""
        spelled = {
            token: bytes(BYTE_OF_CHARACTER[character] for character in text)
            for text, token in self.vocab.items()
            if BYTE_OF_CHARACTER.keys() >= set(text)
        }
        return spelled | {each.token: each.content.encode() for each in self.added}

    @cached_property
    def word_tokens(self) -> Any:
        """Function from a word to its ids, with a cache: most words of a text occur repeatedly."""
        vocab, merges = self.vocab, self.ranked_merges

        @lru_cache(maxsize=2**16)
        def word_tokens(word: str) -> bpe.Word:
            printed = "".join(CHARACTER_OF_BYTE[byte] for byte in word.encode())
            if self.ignore_merges and printed in vocab:
                return (vocab[printed],)
            known = tuple(vocab[character] for character in printed if character in vocab)
            return apply_merges_with_queue(known, merges)

        return word_tokens

    def words(self, text: str) -> list[str]:
        """Split a text into the pieces that no merge crosses."""
        pieces = [text]
        for pattern in self.patterns:
            pieces = [
                part for piece in pieces for part in split_keeping_matches(pattern, piece) if part
            ]
        return pieces

    def _encode(self, text: str, added: list[AddedToken]) -> list[int]:
        check_utf8(text)
        added = sorted(added, key=lambda each: len(each.content), reverse=True)
        tokens, end = [], 0
        for match in [*added_token_regex(added).finditer(text), None]:
            for word in self.words(text[end : match.start() if match else None]):
                tokens += self.word_tokens(word)
            if match:
                tokens.append(added[(match.lastindex or 1) - 1].token)
                end = match.end()
        return tokens

    def encode(self, text: str) -> list[int]:
        """Return the token ids of the text; a special token in it is encoded like other text.

        Raises:
            BadInput: the text holds half of a surrogate pair, which UTF-8 cannot encode.
        """
        return self._encode(text, [each for each in self.added if not each.special])

    def encode_with_specials(self, text: str) -> list[int]:
        """Encode the text, and turn special tokens in it into their ids."""
        return self._encode(text, self.added)

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the UTF-8 bytes that the ids spell, including special tokens.

        Models often have more ids than their tokenizer has tokens; these ids spell nothing.
        """
        return b"".join(self.spelled.get(token, b"") for token in tokens)

    def to_json(self) -> dict[str, object]:
        """Return all parts, from which the tokenizer can be rebuilt."""
        return {"kind": "pretrained", **asdict(self)}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "PretrainedTokenizer":
        """Rebuild a tokenizer from the parts that `to_json` returned."""
        parts = {name: value for name, value in state.items() if name != "kind"}
        parts["merges"] = [(left, right) for left, right in parts["merges"]]
        parts["added"] = [AddedToken(*each) for each in parts["added"]]
        return cls(**parts)
