"""The words that a model will know."""


def vocabulary(texts: list[str]) -> list[str]:
    """Return PAD, BOS and EOS, then every word of the texts once, in order of first appearance."""
    words = ["PAD", "BOS", "EOS"]
    for text in texts:
        for word in text.split():
            if word not in words:
                words.append(word)
    return words
