"""The words that a model will know."""


def vocabulary(texts: list[str]) -> list[str]:
    """PAD, BOS and EOS, then every word of the texts once, in the order in which they are met."""
    words = ["PAD", "BOS", "EOS"]
    for text in texts:
        for word in text.split():
            if word not in words:
                words.append(word)
    return words
