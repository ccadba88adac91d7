"""Check that every word has one id, and that decoding restores the text."""

from collections.abc import Callable

from handcalc.layers.embedding import WORDS, decode, encode


def check(vocabulary: Callable[[list[str]], list[str]]) -> None:
    """Check vocabularies by hand, then encode and decode texts."""
    cases: list[tuple[list[str], list[str]]] = [
        (["I like transformers"], WORDS),
        (["tea is hot", "is tea hot or cold"], [*WORDS[:3], "tea", "is", "hot", "or", "cold"]),
        (["no no  no", "No"], [*WORDS[:3], "no", "No"]),
        ([], WORDS[:3]),
    ]
    for texts, expected in cases:
        found = vocabulary(texts)
        assert found == expected, f"of {texts} the vocabulary is {expected}, not {found}"

    texts = ["b a c", "a d"]
    for text in texts:
        ids = encode(text, vocabulary(texts))
        back = decode(ids, vocabulary(texts))
        assert back == text, f"{text!r} came back from {ids} as {back!r}"
