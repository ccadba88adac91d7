import pytest

pytest.importorskip("tokenizers", reason="baselines: needs the extra baselines")

from gpt.baselines import library_bpe
from gpt.text.corpus import python_documentation
from gpt.text.tokenizers import BytePairTokenizer

pytestmark = pytest.mark.baselines

AWKWARD = [
    "", " ", "  two  spaces ", "tabs\t\tand\n\n\nlines", "it's we'll 've", "naïve café",
    "日本語のテキスト", "0123456789 12 345", "<|endoftext|>", "\x00\x7f",
    "emoji 😀👩‍👩‍👧", "def f(x):\n    return x ** 2  # why?",
]  # fmt: skip


def test_4096_tokens_of_the_documentation_equal_those_of_the_tokenizers_library():
    documents = python_documentation()
    ours = BytePairTokenizer.train(documents, 4096)
    merges, encode = library_bpe(documents, 4096 - 1)
    assert ours.merges == merges
    for text in [*documents[::10], *AWKWARD]:
        assert ours.encode(text) == encode(text)
