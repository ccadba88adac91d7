"""Exercise of the chapter with the pencil: the number of multiplications."""


def count_products(n_words: int, d_model: int, n_heads: int, d_ff: int, n_vocabulary: int) -> int:
    """Count the multiplications in all products of matrices, when every word sees all words.

    Count those of Q, K, V, of the scores, of the mixing of values, of W_O, of both matrices of the
    feed-forward layer, and of the logits. A product of a x b with b x c has a b c of them. Each
    head reads its own part of a row, d_model / n_heads numbers, and makes rows of the same width.
    """
    raise NotImplementedError
