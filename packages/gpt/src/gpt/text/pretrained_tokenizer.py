r"""The byte-level BPE of a published model: its vocabulary, its merges, its way to cut text.

GPT-2 (Radford et al. 2019, section 2.2), Llama 3 and SmolLM2 all cut text into words, spell each
word in bytes, and merge neighbours in the order of training. They differ in how they cut, in their
ids, and in the tokens added to the vocabulary, such as the marks of a conversation.

No compiled core runs here: tiktoken merges two neighbours whenever what they spell together is in
the vocabulary, while these models were trained with the listed pairs only. A published vocabulary
may lack bytes that its training text never held (SmolLM2 lacks 21 of the 256): they are dropped, as
in the library `tokenizers`, and do not come back.
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

# How vocabularies spell a byte in print: as itself where it prints in Latin-1, else as the next
# character from U+0100 on. So a space is U+0120, a newline U+010A.
CHARACTER_OF_BYTE = {
    byte: chr(byte) if rank < 188 else chr(256 + rank - 188)
    for rank, byte in enumerate(bpe.BYTE_OF_ID)
}
BYTE_OF_CHARACTER = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}


class AddedToken(NamedTuple):
    """A token beside BPE: the text is cut at it before anything else happens."""

    token: int
    content: str
    special: bool  # a mark of control, which plain text is not to spell
    lstrip: bool = False  # whether it swallows the white space to its left
    rstrip: bool = False  # and to its right


def split_keeping_matches(pattern: regex.Pattern[str], text: str) -> Iterator[str]:
    """The text cut around every match: the matches and what lies between them, in order."""
    end = 0
    for match in pattern.finditer(text):
        yield text[end : match.start()]
        yield match.group()
        end = match.end()
    yield text[end:]


def added_token_regex(added: list[AddedToken]) -> regex.Pattern[str]:
    """A pattern with one group a token; where several fit the first wins.

    White space is swallowed from its beginning, or else a search would try each of its characters.
    """
    before, after = r"(?:(?<!\s)|\G)\s*", r"\s*"
    groups = (
        f"({before * each.lstrip}{regex.escape(each.content)}{after * each.rstrip})"
        for each in added
    )
    return regex.compile("|".join(groups) or "(?!)")  # which matches nowhere


@dataclass(frozen=True)
class PretrainedTokenizer:
    """A tokenizer made of the parts that a published `tokenizer.json` or GGUF file lists."""

    vocab: dict[str, int]  # ids by the printed spelling of their bytes
    merges: list[tuple[str, str]]  # printed spellings, in the order of training
    splits: list[str]  # patterns; each cuts the pieces that the one before it left
    added: list[AddedToken]
    roles: dict[str, str]  # added tokens by role: "bos_token", "eos_token", "pad_token", ...
    prefix: list[int]  # ids that stand before a text; Llama 3 begins every text with one
    chat_template: str | None = None
    ignore_merges: bool = False  # whether a word that is a token is taken whole (Llama 3)
    end_ids: list[int] = field(default_factory=list)  # ids that end generation, as the model says

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        for left, right in self.merges:
            if not {left, right, left + right} <= self.vocab.keys():
                raise BadInput(f"the merge of {left!r} and {right!r} is not in the vocabulary")
        if self.roles.get("eos_token") not in self.ids:
            raise BadInput(f"no token ends a text: eos_token is {self.roles.get('eos_token')!r}")
        try:
            _ = self.patterns
        except regex.error as error:
            raise BadInput(f"cannot cut text by {self.splits}: {error}") from error

    @cached_property
    def patterns(self) -> list[regex.Pattern[str]]:
        """The splits, compiled."""
        return [regex.compile(split) for split in self.splits]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Every id by its spelling, added tokens included."""
        return self.vocab | {each.content: each.token for each in self.added}

    @cached_property
    def highest_id(self) -> int:
        """The last id, which need not belong to the last token listed."""
        return max(self.ids.values())

    @property
    def vocab_size(self) -> int:
        """Number of token ids, from 0 to the highest."""
        return self.highest_id + 1

    @property
    def end_of_text(self) -> int:
        """The id that ends an answer or a document."""
        return self.ids[self.roles["eos_token"]]

    @property
    def end_tokens(self) -> frozenset[int]:
        """The ids at which generation stops: those of the model, and the end of a text."""
        return frozenset({self.end_of_text, *self.end_ids})

    @cached_property
    def ranked_merges(self) -> dict[bpe.Pair, MergeRule]:
        """The merges by pairs of ids."""
        vocab = self.vocab
        return {
            (vocab[left], vocab[right]): MergeRule(rank, vocab[left + right])
            for rank, (left, right) in enumerate(self.merges)
        }

    @cached_property
    def spelled(self) -> dict[int, bytes]:
        """What each id spells; an added token spells itself."""
        spelled = {
            token: bytes(BYTE_OF_CHARACTER[character] for character in text)
            for text, token in self.vocab.items()
            if BYTE_OF_CHARACTER.keys() >= set(text)
        }
        return spelled | {each.token: each.content.encode() for each in self.added}

    @cached_property
    def word_tokens(self) -> Any:
        """From a word to its ids; most words of a text were seen before."""
        return lru_cache(maxsize=2**16)(self._word_tokens)

    def _word_tokens(self, word: str) -> bpe.Word:
        printed = "".join(CHARACTER_OF_BYTE[byte] for byte in word.encode())
        if self.ignore_merges and printed in self.vocab:
            return (self.vocab[printed],)
        known = tuple(self.vocab[character] for character in printed if character in self.vocab)
        return apply_merges_with_queue(known, self.ranked_merges)

    def words(self, text: str) -> list[str]:
        """The pieces that no merge crosses."""
        pieces = [text]
        for pattern in self.patterns:
            pieces = [
                part for piece in pieces for part in split_keeping_matches(pattern, piece) if part
            ]
        return pieces

    def text_tokens(self, text: str) -> list[int]:
        """Token ids of a text without added tokens."""
        return [token for word in self.words(text) for token in self.word_tokens(word)]

    def _encode(self, text: str, added: list[AddedToken]) -> list[int]:
        check_utf8(text)
        added = sorted(added, key=lambda each: len(each.content), reverse=True)
        tokens, end = [], 0
        for match in added_token_regex(added).finditer(text):
            tokens += self.text_tokens(text[end : match.start()])
            tokens.append(added[(match.lastindex or 1) - 1].token)
            end = match.end()
        return tokens + self.text_tokens(text[end:])

    def encode(self, text: str) -> list[int]:
        """Token ids of the text, in which a special token is a spelling like any other.

        Raises:
            BadInput: the text holds half of a surrogate pair, which UTF-8 cannot spell.
        """
        return self._encode(text, [each for each in self.added if not each.special])

    def encode_with_specials(self, text: str) -> list[int]:
        """Like `encode`, but special tokens in the text become their ids."""
        return self._encode(text, self.added)

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """What the ids spell, special tokens included.

        Models often have more ids than their tokenizer; those spell nothing.
        """
        return b"".join(self.spelled.get(token, b"") for token in tokens)

    def to_json(self) -> dict[str, object]:
        """All parts."""
        return {"kind": "pretrained", **asdict(self)}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "PretrainedTokenizer":
        """The tokenizer whose parts `to_json` gave."""
        parts = {name: value for name, value in state.items() if name != "kind"}
        parts["merges"] = [(left, right) for left, right in parts["merges"]]
        parts["added"] = [AddedToken(*each) for each in parts["added"]]
        return cls(**parts)
