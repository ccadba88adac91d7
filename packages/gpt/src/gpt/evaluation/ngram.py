r"""The models to beat: count which token follows the last one or two, and smooth.

Interpolated Kneser-Ney (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7, with one fixed
discount). Every level subtracts d from each count and gives what it saved to the level below:

    p(w | h) = max(c(h w) - d, 0) / c(h) + d N(h) / c(h) p(w | h')

N(h) is the number of different tokens seen after h, and h' is h without its oldest token. The top
level counts occurrences. The levels below count in how many different contexts a token stands, so
that "Francisco", frequent but only after "San", is not expected elsewhere. Below the last level
every token has 1 / V; a history never seen takes the level below as it is.
"""

import numpy as np
from jaxtyping import Float, Int, Integer


def kneser_ney(
    train: Integer[np.ndarray, " N"],
    test: Integer[np.ndarray, " M"],
    order: int,
    vocab_size: int,
    discount: float = 0.75,
) -> Float[np.ndarray, " scored"]:
    """p(token | the order - 1 tokens before it) for every test token but the first.

    Tokens near the start, with a shorter history, are read after END_OF_TEXT repeated.
    """
    end_of_text = np.full(order - 1, vocab_size - 1)
    stream = np.concatenate([end_of_text, train]).astype(np.int64)
    asked = ngram_windows(np.concatenate([end_of_text, test]).astype(np.int64), order)[1:]
    grams, counts = np.unique(ngram_windows(stream, order), axis=0, return_counts=True)
    levels = [(grams, counts)]
    for _ in range(order - 1):  # a level's distinct grams are the occurrences of the level below
        grams, counts = np.unique(grams[:, 1:], axis=0, return_counts=True)
        levels.append((grams, counts))
    p = np.full(len(asked), 1 / vocab_size)
    for grams, counts in reversed(levels):
        length = grams.shape[1]
        ids = NgramIndex(asked[:, -length:], grams, vocab_size)
        history_counts = np.bincount(ids.history_of_gram, counts)
        histories_seen = np.bincount(ids.history_of_gram)
        seen = ids.history >= 0
        total = np.where(seen, history_counts[ids.history], 1)
        saved = np.where(seen, discount * histories_seen[ids.history] / total, 1)
        own = np.where(ids.gram >= 0, np.maximum(counts[ids.gram] - discount, 0), 0) / total
        p = own + saved * p
    return p


def ngram_windows(stream: Int[np.ndarray, " N"], order: int) -> Int[np.ndarray, "n order"]:
    """All runs of `order` tokens."""
    return np.lib.stride_tricks.sliding_window_view(stream, order)


class NgramIndex:
    """Where each asked gram and its history stand among the known ones; -1 where nowhere."""

    def __init__(
        self,
        asked: Int[np.ndarray, "M order"],
        grams: Int[np.ndarray, "n order"],
        vocab_size: int,
    ) -> None:
        histories, self.history_of_gram = np.unique(
            encode_ngrams(grams[:, :-1], vocab_size), return_inverse=True
        )
        self.gram = find_in_sorted(
            encode_ngrams(asked, vocab_size), encode_ngrams(grams, vocab_size)
        )
        self.history = find_in_sorted(encode_ngrams(asked[:, :-1], vocab_size), histories)


def encode_ngrams(grams: Int[np.ndarray, "n order"], vocab_size: int) -> Int[np.ndarray, " n"]:
    """Each gram as one number in base V, in the same order."""
    numbers = np.zeros(len(grams), np.int64)
    for column in grams.T:
        numbers = numbers * vocab_size + column
    return numbers


def find_in_sorted(
    asked: Int[np.ndarray, " M"], known: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " M"]:
    """The index of each number in a sorted list; -1 where it is not there."""
    index = np.searchsorted(known, asked).clip(max=len(known) - 1)
    return np.where(known[index] == asked, index, -1)
