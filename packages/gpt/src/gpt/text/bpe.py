r"""Byte-pair encoding: the most frequent neighbours become one token, again and again.

Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", section 3.2, on
bytes as in GPT-2 (Radford et al. 2019, section 2.2): 256 tokens spell any text, merges shorten it.

A word is a tuple of token ids. Departures from the paper: bytes for characters, a space before a
word for a mark after it, and of equally frequent pairs the one with the lowest ids. After a merge
only the pairs beside it are counted again, so that 4,096 tokens take seconds, even where one word
is a million letters long.
"""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import regex

Pair = tuple[int, int]
Word = tuple[int, ...]
NO_TOKEN = -1  # not a token: between words, and in the place of a token merged into the one before

# GPT-2's split into words: a merge never crosses from a word into the next one, and the space
# belongs to the word after it.
WORD_REGEX = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


def byte_order() -> list[int]:
    """The bytes in the order of their ids: the 188 that print in Latin-1 first, then the others.

    Any order spells text; this is GPT-2's, so that ids and ties agree with other libraries.
    """
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return printing + [byte for byte in range(256) if byte not in printing]


BYTE_OF_ID = bytes(byte_order())
ID_OF_BYTE = {byte: token for token, byte in enumerate(BYTE_OF_ID)}


def byte_tokens(text: str) -> Word:
    """The text as single-byte tokens."""
    return tuple(ID_OF_BYTE[byte] for byte in text.encode("utf-8"))


def merge(word: Word, pair: Pair, token: int) -> Word:
    """Replace every occurrence of `pair`, from the left, by `token`."""
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
    """The pairs to merge, in order; pair i becomes token 256 + i.

    Each step takes the pair with the highest count, of several the one with the lowest ids. Fewer
    than `n_merges` come back when every word has become a single token.
    """
    counts = Counter(word for text in texts for word in WORD_REGEX.findall(text))
    tokens, weights = [NO_TOKEN], [0]  # all words in one row, with walls between them
    for word, count in counts.items():
        tokens += [*byte_tokens(word), NO_TOKEN]
        weights += [count] * (len(tokens) - len(weights))
    left, right = [*range(-1, len(tokens) - 1)], [*range(1, len(tokens) + 1)]
    pair_counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, list[int]] = defaultdict(list)  # some of them outdated
    for here, pair in enumerate(pairwise(tokens)):
        if NO_TOKEN not in pair:
            pair_counts[pair] += weights[here]
            places[pair].append(here)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)

    merges: list[Pair] = []
    while heap and len(merges) < n_merges:
        negative_count, pair = heapq.heappop(heap)
        if -negative_count != pair_counts[pair]:
            continue  # an entry from before a later merge changed this count
        if not pair_counts[pair]:
            break
        token = 256 + len(merges)
        merges.append(pair)
        changed: set[Pair] = set()
        for here in sorted(places.pop(pair)):  # from the left, as `merge` does
            there = right[here]
            if (tokens[here], tokens[there]) != pair:
                continue  # it overlapped with one that was merged
            for first in (left[here], here, there):
                old = tokens[first], tokens[right[first]]
                pair_counts[old] -= weights[here]
                changed.add(old)
            tokens[here], tokens[there] = token, NO_TOKEN
            right[here] = right[there]
            left[right[here]] = here
            for first in (left[here], here):
                new = tokens[first], tokens[right[first]]
                pair_counts[new] += weights[here]
                places[new].append(first)
                changed.add(new)
        for pair in changed:
            if NO_TOKEN not in pair:
                heapq.heappush(heap, (-pair_counts[pair], pair))
    return merges


def apply_merges(word: Word, ranks: dict[Pair, int]) -> Word:
    """Merge in the order of training: always the pair learned first, until none is left."""
    while len(word) > 1:
        pair = min(pairwise(word), key=lambda pair: ranks.get(pair, math.inf))
        if pair not in ranks:
            break
        word = merge(word, pair, 256 + ranks[pair])
    return word


class MergeRule(NamedTuple):
    """When a pair is merged, and into which token."""

    rank: int
    token: int


def apply_merges_with_queue(word: Word, merges: dict[Pair, MergeRule]) -> Word:
    """Merge the pair of lowest rank, of several the leftmost, until no pair is listed.

    What `apply_merges` does with our own ids, for any ids and with a queue in place of a search: a
    word of n tokens takes n log n steps, and other people's text holds words of any length.
    """
    tokens = [*word, NO_TOKEN]  # the wall at both ends: tokens[-1] is left of the first
    left, right = list(range(-1, len(word))), [*range(1, len(word) + 1), 0]
    queue: list[tuple[int, int, int]] = []

    def offer(here: int) -> None:
        if found := merges.get((tokens[here], tokens[right[here]])):
            heapq.heappush(queue, (found.rank, found.token, here))

    for here in range(len(word)):
        offer(here)
    while queue:
        _, token, here = heapq.heappop(queue)
        there = right[here]
        found = merges.get((tokens[here], tokens[there]))
        if found is None or found.token != token:
            continue  # an entry from before a neighbour changed
        tokens[here], tokens[there] = token, NO_TOKEN
        right[here] = right[there]
        left[right[here]] = here
        offer(left[here])
        offer(here)
    return tuple(token for token in tokens if token != NO_TOKEN)


def token_bytes(merges: list[Pair]) -> list[bytes]:
    """What each token spells: 256 single bytes, then each merge the bytes of its two parts."""
    spelled = [bytes([byte]) for byte in BYTE_OF_ID]
    for left, right in merges:
        spelled.append(spelled[left] + spelled[right])
    return spelled
