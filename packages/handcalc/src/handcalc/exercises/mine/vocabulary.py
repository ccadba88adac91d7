"""Exercise of the chapter on embeddings: the words that a model will know."""


def vocabulary(texts: list[str]) -> list[str]:
    """Return PAD, BOS and EOS, then every word of the texts once, in order of first appearance.

    Words are separated by white space: `text.split()`.
    """
    raise NotImplementedError
