"""The number of multiplications in a forward pass."""


def count_products(n_words: int, d_model: int, n_heads: int, d_ff: int, n_vocabulary: int) -> int:
    """Add the matrix sizes for each word, and twice the width of all heads for each pair."""
    d_head = d_model // n_heads
    heads = 3 * n_heads * d_head**2
    of_a_word = heads + d_model**2 + 2 * d_model * d_ff + d_model * n_vocabulary
    return n_words * of_a_word + 2 * n_words**2 * d_model
