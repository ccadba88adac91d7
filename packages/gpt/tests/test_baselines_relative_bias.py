import pytest
import torch

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

from gpt.baselines import library_buckets
from gpt.comparison.equality import relative_bias_row
from gpt.model.relative_bias import bidirectional_buckets, causal_buckets

pytestmark = pytest.mark.baselines


@pytest.mark.parametrize(
    ("n_buckets", "max_distance"), [(32, 128), (8, 64), (16, 20), (4, 100), (64, 256)], ids=str
)
def test_every_distance_has_the_bucket_of_t5(n_buckets, max_distance):
    distances = torch.arange(-600, 600)
    for buckets, bidirectional in ((causal_buckets, False), (bidirectional_buckets, True)):
        theirs = library_buckets(distances, bidirectional, n_buckets, max_distance)
        assert torch.equal(buckets(distances, n_buckets, max_distance), theirs)


def test_attention_with_the_bias_is_that_of_a_decoder_of_t5():
    row = relative_bias_row(n_heads=4)
    assert row.is_equal, row
