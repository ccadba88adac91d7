"""The counts that one merge changes."""

from collections import Counter
from itertools import pairwise

from gpt.text.bpe import Pair, Word, merge


def count_changes(word: Word, pair: Pair, token: int) -> dict[Pair, int]:
    """Count the pairs after the merge, and subtract the pairs before it."""
    changes = Counter(pairwise(merge(word, pair, token)))
    changes.subtract(pairwise(word))
    return {each: change for each, change in changes.items() if change}
