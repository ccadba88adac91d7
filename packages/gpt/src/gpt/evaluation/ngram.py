r"""N-gram baselines: count which token follows the last one or two, and smooth the counts.

Interpolated Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7, with one fixed
discount). Every level subtracts d from each count and gives the saved mass to the level below:

    p(w | h) = max(c(h w) - d, 0) / c(h) + d N(h) / c(h) p(w | h')

N(h) is the number of different tokens seen after h, and h' is h without its oldest token. The top
level counts occurrences. Lower levels count the different contexts of a token, so that "Francisco",
which is frequent but only occurs after "San", is not predicted elsewhere. Below the lowest level
every token has probability 1 / V. A history that never occurred uses the level below unchanged.
"""

import numpy as np
from jaxtyping import Float, Int, Integer
from numpy.lib.stride_tricks import sliding_window_view


def kneser_ney(
    train: Integer[np.ndarray, " N"],
    test: Integer[np.ndarray, " M"],
    order: int,
    vocab_size: int,
    discount: float = 0.75,
) -> Float[np.ndarray, " scored"]:
    """Return p(token | the order - 1 tokens before it) for every test token except the first.

    Missing tokens before the start of a text count as END_OF_TEXT.
    """
    end_of_text = np.full(order - 1, vocab_size - 1)
    stream = np.concatenate([end_of_text, train]).astype(np.int64)
    queries = sliding_window_view(np.concatenate([end_of_text, test]).astype(np.int64), order)[1:]
    grams, counts = np.unique(sliding_window_view(stream, order), axis=0, return_counts=True)
    levels = [(grams, counts)]
    for _ in range(order - 1):  # the level below counts each distinct n-gram of this level once
        grams, counts = np.unique(grams[:, 1:], axis=0, return_counts=True)
        levels.append((grams, counts))
    p = np.full(len(queries), 1 / vocab_size)
    for grams, counts in reversed(levels):
        length = grams.shape[1]
        index = NgramIndex(queries[:, -length:], grams, vocab_size)
        history_counts = np.bincount(index.history_of_gram, counts)
        histories_seen = np.bincount(index.history_of_gram)
        seen = index.history >= 0
        total = np.where(seen, history_counts[index.history], 1)
        backoff_mass = np.where(seen, discount * histories_seen[index.history] / total, 1)
        discounted = (
            np.where(index.gram >= 0, np.maximum(counts[index.gram] - discount, 0), 0) / total
        )
        p = discounted + backoff_mass * p
    return p


class NgramIndex:
    """Indices of queried n-grams and of their histories among the known ones, or -1."""

    def __init__(
        self,
        queries: Int[np.ndarray, "M order"],
        grams: Int[np.ndarray, "n order"],
        vocab_size: int,
    ) -> None:
        histories, self.history_of_gram = np.unique(
            encode_ngrams(grams[:, :-1], vocab_size), return_inverse=True
        )
        self.gram = find_in_sorted(
            encode_ngrams(queries, vocab_size), encode_ngrams(grams, vocab_size)
        )
        self.history = find_in_sorted(encode_ngrams(queries[:, :-1], vocab_size), histories)


def encode_ngrams(grams: Int[np.ndarray, "n order"], vocab_size: int) -> Int[np.ndarray, " n"]:
    """Encode each n-gram as one number in base V, which preserves the lexicographic order."""
    numbers = np.zeros(len(grams), np.int64)
    for column in grams.T:
        numbers = numbers * vocab_size + column
    return numbers


def find_in_sorted(
    queries: Int[np.ndarray, " M"], known: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " M"]:
    """Return the index of each query in a sorted array, or -1 for a number that is not in it."""
    index = np.searchsorted(known, queries).clip(max=len(known) - 1)
    return np.where(known[index] == queries, index, -1)
