"""From text to token ids and back: each word of a small vocabulary has a number."""

WORDS = ["PAD", "BOS", "EOS", "I", "like", "transformers"]
"""PAD fills what is empty, BOS begins a text and EOS ends it."""


def encoded(text: str, words: "list[str]" = WORDS) -> "list[int]":
    """The ids of the words of a text, between BOS and EOS.

    Raises:
        ValueError: a word has no number.
    """
    for word in text.split():
        if word not in words:
            raise ValueError(f"the vocabulary has no {word!r}; it has {', '.join(words)}")
    return [words.index(word) for word in ["BOS"] + text.split() + ["EOS"]]


def decoded(tokens: "list[int]", words: "list[str]" = WORDS) -> str:
    """The text of ids, with a space between words; PAD, BOS and EOS are no words of it."""
    return " ".join([words[id] for id in tokens if words[id] not in ("PAD", "BOS", "EOS")])
