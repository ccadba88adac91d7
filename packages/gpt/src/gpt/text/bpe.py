r"""Byte-pair encoding: the most frequent pair of neighbours becomes one token, again and again.

Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", section 3.2, on
bytes as in GPT-2 (Radford et al. 2019, section 2.2): 256 byte tokens spell any text, and merges
shorten it. A word is a tuple of token ids. To encode a text, `WORD_REGEX` splits it into words,
`byte_tokens` spells each in bytes, and `apply_merges` shortens it. To decode, the bytes of all
tokens (`token_bytes`) are joined.

Departures from the paper: the alphabet is bytes instead of characters, a word is marked by the
space before it instead of a symbol after it, and ties are broken by the lowest ids. This module is
the definition; `fast_bpe` computes the same merges and the same tokens on long texts.
"""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import regex

Pair = tuple[int, int]
Word = tuple[int, ...]

# GPT-2's split into words: a merge never crosses from one word into the next, and a space belongs
# to the word after it.
WORD_REGEX = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


def merge(word: Word, pair: Pair, token: int) -> Word:
    """Replace every occurrence of `pair`, from left to right, by `token`.

    For example, merge((1, 2, 2, 1), (1, 2), 300) is (300, 2, 1).
    """
    merged, position = [], 0
    while position < len(word):
        if word[position : position + 2] == pair:
            merged.append(token)
            position += 2
        else:
            merged.append(word[position])
            position += 1
    return tuple(merged)


def train_merges(texts: Iterable[str], n_merges: int) -> list[Pair]:
    """Learn the merges in order; pair i becomes token 256 + i (Sennrich et al. 2016, algorithm 1).

    Each step merges the most frequent pair, or the one with the lowest ids if several are equally
    frequent. The result has fewer than `n_merges` pairs if every word becomes a single token first.
    """
    counts = Counter(word for text in texts for word in WORD_REGEX.findall(text))
    words = {byte_tokens(word): count for word, count in counts.items()}
    merges: list[Pair] = []
    while len(merges) < n_merges:
        pair_counts: Counter[Pair] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pair_counts[pair] += count
        if not pair_counts:
            break
        best = min(pair_counts, key=lambda each: (-pair_counts[each], each))
        words = {merge(word, best, 256 + len(merges)): count for word, count in words.items()}
        merges.append(best)
    return merges


def apply_merges(word: Word, ranks: dict[Pair, int]) -> Word:
    """Merge in the order of training: always the pair that was learned first, until none is left.

    Args:
        word: single-byte tokens.
        ranks: the position of each pair in the list of merges.
    """
    while len(word) > 1:
        first = min(pairwise(word), key=lambda pair: ranks.get(pair, math.inf))
        if first not in ranks:
            break
        word = merge(word, first, 256 + ranks[first])
    return word


# Ids 0 to 255 are the bytes: first the 188 that are printable in Latin-1, then the others. Any
# order could spell text; this one is GPT-2's, so that ids and ties agree with other libraries.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTE_OF_ID = bytes([*PRINTABLE, *sorted(set(range(256)) - set(PRINTABLE))])
ID_OF_BYTE = {byte: token for token, byte in enumerate(BYTE_OF_ID)}


def byte_tokens(text: str) -> Word:
    """Return the text as single-byte tokens."""
    return tuple(ID_OF_BYTE[byte] for byte in text.encode("utf-8"))


def token_bytes(merges: list[Pair]) -> list[bytes]:
    """Return the bytes that each token spells: 256 single bytes, then two joined for each merge."""
    spelled = [bytes([byte]) for byte in BYTE_OF_ID]
    for left, right in merges:
        spelled.append(spelled[left] + spelled[right])
    return spelled
