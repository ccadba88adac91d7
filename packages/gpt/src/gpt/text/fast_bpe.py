"""Byte-pair encoding for long texts: the results of `bpe`, without scanning everything again.

After a merge, only the counts of neighbouring pairs change. Both functions therefore keep their
tokens in a doubly linked list (`left` and `right` hold indices of neighbours) and the next pair to
merge in a heap. Heap entries are never updated: an outdated one is skipped when it is popped.
Learning 4,096 tokens takes seconds, even if one word is a million letters long.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from gpt.text.bpe import WORD_REGEX, Pair, Word, byte_tokens

NO_TOKEN = -1  # marks the gap between two words, and the right half of a merged pair


def train_merges_with_index(texts: Iterable[str], n_merges: int) -> list[Pair]:
    """Learn the merges of `bpe.train_merges`, with an index of where each pair occurs."""
    counts = Counter(word for text in texts for word in WORD_REGEX.findall(text))
    tokens, weights = [NO_TOKEN], [0]  # all words in one row, with a gap between two words
    for word, count in counts.items():
        tokens += [*byte_tokens(word), NO_TOKEN]
        weights += [count] * (len(tokens) - len(weights))
    left, right = [*range(-1, len(tokens) - 1)], [*range(1, len(tokens) + 1)]
    pair_counts: Counter[Pair] = Counter()
    positions: defaultdict[Pair, list[int]] = defaultdict(list)  # some of them outdated
    for here, pair in enumerate(pairwise(tokens)):
        if NO_TOKEN not in pair:
            pair_counts[pair] += weights[here]
            positions[pair].append(here)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)

    merges: list[Pair] = []
    while heap and len(merges) < n_merges:
        negative_count, best = heapq.heappop(heap)
        if -negative_count != pair_counts[best]:
            continue  # outdated: a later merge changed this count
        if not pair_counts[best]:
            break
        token = 256 + len(merges)
        merges.append(best)
        changed: set[Pair] = set()
        for here in sorted(positions.pop(best)):  # from left to right, like `bpe.merge`
            there = right[here]
            if (tokens[here], tokens[there]) != best:
                continue  # it overlapped with an occurrence that was just merged
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
                positions[new].append(first)
                changed.add(new)
        for pair in changed:
            if NO_TOKEN not in pair:
                heapq.heappush(heap, (-pair_counts[pair], pair))
    return merges


class MergeRule(NamedTuple):
    """The rank of a pair in the order of training, and the token that the pair becomes."""

    rank: int
    token: int


def apply_merges_with_queue(word: Word, merges: dict[Pair, MergeRule]) -> Word:
    """Merge the pair of lowest rank, the leftmost first, until no neighbours have a rule.

    Equal to `bpe.apply_merges` for merges in the order of training, but for any token ids, and in
    n log n steps for a word of n tokens: text from users has words of any length.
    """
    tokens = [*word, NO_TOKEN]  # one gap for both ends: tokens[-1] is left of tokens[0]
    left, right = list(range(-1, len(word))), [*range(1, len(word) + 1), 0]
    queue: list[tuple[int, int, int]] = []

    def enqueue(here: int) -> None:
        if rule := merges.get((tokens[here], tokens[right[here]])):
            heapq.heappush(queue, (rule.rank, rule.token, here))

    for here in range(len(word)):
        enqueue(here)
    while queue:
        _, token, here = heapq.heappop(queue)
        there = right[here]
        rule = merges.get((tokens[here], tokens[there]))
        if rule is None or rule.token != token:
            continue  # outdated: a neighbour was merged in the meantime
        tokens[here], tokens[there] = token, NO_TOKEN
        right[here] = right[there]
        left[right[here]] = here
        enqueue(left[here])
        enqueue(here)
    return tuple(token for token in tokens if token != NO_TOKEN)
