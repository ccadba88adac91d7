import pytest

pytest.importorskip("tokenizers", reason="baselines: needs the extra baselines")

from gpt.baselines import library_bpe
from gpt.text.tokenizers import BytePairTokenizer

pytestmark = pytest.mark.baselines

AWKWARD = [
    "", " ", "  two  spaces ", "tabs\t\tand\n\n\nlines", "it's we'll 've", "naïve café",
    "日本語のテキスト", "0123456789 12 345", "<|endoftext|>", "\x00\x7f",
    "emoji 😀👩‍👩‍👧", "def f(x):\n    return x ** 2  # why?",
]  # fmt: skip


@pytest.mark.parametrize(
    ("vocab_size", "part"), [(1024, 6), pytest.param(4096, 1, marks=pytest.mark.slow)]
)
def test_tokens_of_the_documentation_equal_those_of_the_tokenizers_library(
    vocab_size, part, documentation
):
    documents = documentation[::part]
    ours = BytePairTokenizer.train(documents, vocab_size)
    merges, encode = library_bpe(documents, vocab_size - 1)
    assert ours.merges == merges
    for text in [*documents[::10], *AWKWARD]:
        assert ours.encode(text) == encode(text)
