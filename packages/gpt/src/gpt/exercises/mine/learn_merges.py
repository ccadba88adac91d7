"""Exercise of the chapter on tokens: byte-pair encoding the slow, plain way."""

from collections import Counter

from gpt.text.bpe import Pair, Word


def learn_merges(words: Counter[Word], n_merges: int) -> list[Pair]:
    """The pairs that `gpt.text.bpe.train_merges` would choose, counted anew before every merge.

    Args:
        words: each word with the number of times it occurs.
        n_merges: how many pairs to choose; fewer where none is left.
    """
    raise NotImplementedError
