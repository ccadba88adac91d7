"""Exercise of the chapter on tokens: the counts that one merge changes."""

from gpt.text.bpe import Pair, Word


def count_changes(word: Word, pair: Pair, token: int) -> dict[Pair, int]:
    """By how much each pair's count in `word` changes when `pair` becomes `token`.

    Return only the pairs whose count changes.
    """
    raise NotImplementedError
