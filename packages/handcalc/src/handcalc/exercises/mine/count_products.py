"""Exercise of the chapter with the pencil: how often do two numbers get multiplied?"""


def count_products(n_words: int, d_model: int, n_heads: int, d_ff: int, n_vocabulary: int) -> int:
    """Multiplications in all products of matrices of the walk-through, when every word sees all.

    Count those of Q, K, V, of the scores, of the mixing of values, of W_O, of both matrices of the
    feed-forward layer, and of the logits. A product of a x b with b x c has a b c of them. Each
    head reads its own part of a row, d_model / n_heads numbers, and makes rows of the same width.
    """
    raise NotImplementedError
