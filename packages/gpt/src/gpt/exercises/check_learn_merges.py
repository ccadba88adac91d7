"""Is this how byte-pair encoding learns its merges?"""

from collections import Counter
from collections.abc import Callable

from gpt.text.bpe import WORD_REGEX, Pair, Word, byte_tokens, train_merges

TEXT = "she sells sea shells by the sea shore; the shells she sells are sea shells, surely"


def check(learn_merges: Callable[[Counter[Word], int], list[Pair]]) -> None:
    """Three cases to work out with a pencil, then one text against the package."""
    # a = 64, b = 65, c = 66 among the byte tokens
    frequent = Counter({byte_tokens("ab"): 5, byte_tokens("ca"): 1, byte_tokens("cab"): 1})
    merges = learn_merges(frequent, 1)
    assert merges == [(64, 65)], f"ab stands in 6 words, ca in 2, yet you chose {merges}"

    tie = Counter({byte_tokens("bc"): 2, byte_tokens("ab"): 2})
    merges = learn_merges(tie, 1)
    assert merges == [(64, 65)], f"of two equal counts the lowest ids win; you chose {merges}"

    merges = learn_merges(Counter({byte_tokens("abc"): 1}), 10)
    assert merges == [(64, 65), (256, 66)], f"'abc' has two merges, not {merges}"

    ours = train_merges([TEXT], 20)
    yours = learn_merges(Counter(map(byte_tokens, WORD_REGEX.findall(TEXT))), 20)
    assert yours == ours, f"on {TEXT!r} train_merges gives {ours}, and you give {yours}"
