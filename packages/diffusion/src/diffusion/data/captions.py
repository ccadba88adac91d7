"""Captions as token ids: one id per word, of a vocabulary that holds every word of the captions.

    "Two red circles"  ->  [START] two red circles [END] 0 0

Id 0 is padding, so the null caption of guidance is all zeros. END has the largest id: CLIP takes
the state at END as the text's vector, and finds it by argmax over the ids (Radford et al. 2021).
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

import torch
from jaxtyping import Int
from torch import Tensor

from gpt.errors import BadInput

PADDING, START = 0, 1


def caption_words(caption: str) -> list[str]:
    """Return the words in lower case; commas only separate them."""
    return caption.lower().replace(",", " ").split()


def rows_to_hold_out(captions: Sequence[str], order: Iterable[int]) -> list[int]:
    """Return the rows that can be held out, in this order, so that the others keep every word.

    Each word of a held-out caption is left in another one, and so is its number of words, because
    a model knows neither other words nor longer captions than it was trained with.
    """
    words = [set(caption_words(caption)) | {len(caption_words(caption))} for caption in captions]
    left = Counter(chain.from_iterable(words))
    held_out = []
    for row in order:
        if min(left[each] for each in words[row]) > 1:
            left.subtract(words[row])
            held_out.append(row)
    return held_out


@dataclass(frozen=True)
class WordTokenizer:
    """Words with their ids, and the length that captions are padded to."""

    words: tuple[str, ...]
    """Known words in alphabetical order; the first has id 2."""
    context: int
    """Tokens per caption, with START and END; longer captions are refused."""

    @property
    def end(self) -> int:
        """Id of END, the largest."""
        return len(self.words) + 2

    @property
    def vocab_size(self) -> int:
        """Number of ids: padding, START, the words and END."""
        return len(self.words) + 3

    @classmethod
    def from_captions(cls, captions: Iterable[str]) -> "WordTokenizer":
        """Return a tokenizer of all words, as long as the longest caption.

        Raises:
            BadInput: the captions hold no word.
        """
        rows = [caption_words(caption) for caption in captions]
        words = {word for row in rows for word in row}
        if not words:
            raise BadInput(f"{len(rows)} captions hold no word; give at least one with text")
        return cls(tuple(sorted(words)), max(map(len, rows)) + 2)

    def encode(self, captions: list[str]) -> Int[Tensor, "B T"]:
        """Return the padded token ids of captions.

        Raises:
            BadInput: a word is unknown, or a caption has no word or more than fit.
        """
        tokens = torch.full((len(captions), self.context), PADDING)
        ids = {word: row for row, word in enumerate(self.words, START + 1)}
        for row, caption in enumerate(captions):
            words = caption_words(caption)
            for word in words:
                if word not in ids:
                    near = get_close_matches(word, self.words, 3, cutoff=0.5) or self.words[:5]
                    raise BadInput(
                        f"no caption in training has the word {word!r}; "
                        f"known words are such as {', '.join(near)}"
                    )
            if not words:
                raise BadInput(f"caption {caption!r} has no word; the null caption is all zeros")
            if len(words) + 2 > self.context:
                raise BadInput(
                    f"caption {caption!r} has {len(words)} words, more than the "
                    f"{self.context - 2} of the longest caption in training"
                )
            found = [START, *(ids[word] for word in words), self.end]
            tokens[row, : len(found)] = torch.tensor(found)
        return tokens

    def encode_known(self, captions: list[str]) -> Int[Tensor, "B T"]:
        """Return the padded token ids of captions without the words that are unknown.

        Words that no longer fit are left out as well. A caption of which nothing is left becomes
        the null caption.
        """
        tokens, known = self.null(len(captions)), set(self.words)
        for row, caption in enumerate(captions):
            words = [word for word in caption_words(caption) if word in known]
            if words:
                [tokens[row]] = self.encode([" ".join(words[: self.context - 2])])
        return tokens

    def count_unknown(self, captions: list[str]) -> int:
        """Return the number of captions that `encode_known` shortens."""
        known = set(self.words)
        words = map(caption_words, captions)
        return sum(not known.issuperset(row) or len(row) > self.context - 2 for row in words)

    def decode(self, tokens: Int[Tensor, "B T"]) -> list[str]:
        """Return the captions as words with single spaces."""
        first = START + 1
        return [
            " ".join(self.words[token - first] for token in row if first <= token < self.end)
            for row in tokens.tolist()
        ]

    def null(self, n: int) -> Int[Tensor, "B T"]:
        """Return n null captions, which mean "any image" in guidance."""
        return torch.full((n, self.context), PADDING)

    def to_json(self) -> str:
        """Return words and context as JSON."""
        return json.dumps({"context": self.context, "words": self.words}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "WordTokenizer":
        """Return the tokenizer that `to_json` wrote.

        Raises:
            BadInput: the text is not such JSON, or its words are not sorted and different.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise BadInput(f"the tokenizer is not JSON: {error}") from error
        if not isinstance(content, dict) or set(content) != {"context", "words"}:
            raise BadInput(f"a tokenizer has 'context' and 'words', got {text!r:.60}")
        context, words = content["context"], content["words"]
        strings = isinstance(words, list) and all(isinstance(word, str) for word in words)
        if not strings or not words or words != sorted(set(words)):
            raise BadInput(
                f"the words of a tokenizer must be sorted and different, got {words!r:.60}"
            )
        if type(context) is not int or context < 3:
            raise BadInput(f"the context must be a whole number of at least 3, got {context!r}")
        return cls(tuple(words), context)
