"""Do the counts change as they would if all pairs were counted again?"""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from gpt.text.bpe import WORD_REGEX, Pair, Word, byte_tokens, merge, train_merges

TEXT = "she sells sea shells by the sea shore; the shells she sells are sea shells, hmmmm"


def check(count_changes: Callable[[Word, Pair, int], dict[Pair, int]]) -> None:
    """Check five words to work out with a pencil, then 20 merges of a text against the package."""
    a, b, c = byte_tokens("abc")
    cases = [
        ("cabc", {(c, a): -1, (a, b): -1, (b, c): -1, (c, 256): 1, (256, c): 1}),
        ("abab", {(a, b): -2, (b, a): -1, (256, 256): 1}),
        ("ab", {(a, b): -1}),
        ("abcca", {(a, b): -1, (b, c): -1, (256, c): 1}),
        ("bca", {}),
    ]
    for text, changes in cases:
        yours = dict(count_changes(byte_tokens(text), (a, b), 256))
        assert yours == changes, f"merging a b in {text!r} changes {changes}, not {yours}"
    yours = dict(count_changes((a, a, a), (a, a), 256))
    assert yours == {(a, a): -2, (256, a): 1}, f"'aaa' holds the pair a a twice; you give {yours}"

    words = list(map(byte_tokens, WORD_REGEX.findall(TEXT)))
    counts = Counter(pair for word in words for pair in pairwise(word))
    for token, pair in enumerate(train_merges([TEXT], 20), 256):
        for word in words:
            counts.update(count_changes(word, pair, token))
        words = [merge(word, pair, token) for word in words]
        again = Counter(each for word in words for each in pairwise(word))
        assert +counts == again, f"after merge {token - 256} of {TEXT!r} the counts are wrong"
