"""Exercise of the chapter on embeddings: the words that a model will know."""


def vocabulary(texts: list[str]) -> list[str]:
    """PAD, BOS and EOS, then every word of the texts once, in the order in which they are met.

    Words are what stands between spaces: `text.split()`.
    """
    raise NotImplementedError
