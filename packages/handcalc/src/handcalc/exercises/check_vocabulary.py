"""Does every word have one id, and do texts come back from their ids?"""

from collections.abc import Callable

from handcalc.layers.embedding import WORDS, decode, encode


def check(vocabulary: Callable[[list[str]], list[str]]) -> None:
    """Lists to read off, the vocabulary of the chapters among them, then there and back."""
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
