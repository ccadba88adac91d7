"""Byte-pair encoding the slow, plain way (Sennrich et al. 2016, algorithm 1)."""

from collections import Counter
from itertools import pairwise

from gpt.text.bpe import Pair, Word, merge


def learn_merges(words: Counter[Word], n_merges: int) -> list[Pair]:
    """The pairs that `gpt.text.bpe.train_merges` would choose, counted anew before every merge."""
    merges: list[Pair] = []
    while len(merges) < n_merges:
        counts: Counter[Pair] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        token = 256 + len(merges)
        merges.append(best)
        words = Counter({merge(word, best, token): times for word, times in words.items()})
    return merges
