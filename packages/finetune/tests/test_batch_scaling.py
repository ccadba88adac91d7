import math

import pytest
import torch

from finetune.tuning.batch_scaling import (
    NoiseScale,
    linear_scaling,
    micro_batch_noise_scale,
    noise_scale,
    square_root_scaling,
    step_efficiency,
)
from gpt.errors import BadInput


def test_the_noise_scale_by_hand():
    """|G|^2 = 1 and S = 12: a batch of 2 has 1 + 6 = 7, one of 6 has 1 + 2 = 3."""
    scale = noise_scale(small=7.0, large=3.0, small_batch=2.0, large_batch=6.0)
    assert scale == NoiseScale(pytest.approx(1), pytest.approx(12))
    assert scale.batch_size == pytest.approx(12)


def test_micro_batches_by_hand():
    """Gradients (3, 0) and (1, 2), a text each: mean square 7; their mean (2, 1) has 5."""
    scale = micro_batch_noise_scale(torch.tensor([[3.0, 0.0], [1.0, 2.0]]), 1)
    assert scale == NoiseScale(pytest.approx(3), pytest.approx(4))


def test_known_noise_is_recovered_from_any_two_batch_sizes():
    """50 numbers of the true gradient 0.2, so |G|^2 = 2; noise of variance 0.6 each, so S = 30."""
    torch.manual_seed(0)
    texts = 0.2 + 0.6**0.5 * torch.randn(40_000, 50)
    for texts_each in (1, 8):
        pieces = texts.view(-1, texts_each, 50).mean(dim=1).view(-1, 4, 50)
        scales = [micro_batch_noise_scale(each, texts_each) for each in pieces]
        truth, noise = (sum(column) / len(scales) for column in zip(*scales, strict=True))
        assert truth == pytest.approx(2, rel=0.05)
        assert noise == pytest.approx(30, rel=0.05)
        assert NoiseScale(truth, noise).batch_size == pytest.approx(15, rel=0.1)


def test_the_scale_is_infinite_if_no_gradient_stands_out_of_the_noise():
    assert noise_scale(10.0, 1.0, 1.0, 8.0).batch_size == math.inf


def test_a_batch_of_the_noise_scale_makes_half_the_progress():
    assert step_efficiency(15.0, 15.0) == 0.5
    assert step_efficiency(1.0, 15.0) == 1 / 16
    assert step_efficiency(2.0, 15.0) / step_efficiency(1.0, 15.0) == pytest.approx(2, rel=0.07)


@pytest.mark.parametrize(
    "factor, linear, root",
    [(1, 1e-3, 1e-3), (4, 4e-3, 2e-3), (16, 16e-3, 4e-3), (0.25, 25e-5, 5e-4)],
)
def test_scaling_rules_by_hand(factor, linear, root):
    assert linear_scaling(1e-3, 32.0, 32.0 * factor) == pytest.approx(linear)
    assert square_root_scaling(1e-3, 32.0, 32.0 * factor) == pytest.approx(root)


def test_one_large_step_of_gradient_descent_ends_near_four_small_ones():
    """For x^2 / 2: (1 - 0.01)^4 = 0.9606 against 1 - 0.04 = 0.96."""
    small, large = (1 - 0.01) ** 4, 1 - linear_scaling(0.01, 8.0, 32.0)
    assert small == pytest.approx(large, abs=1e-3)


def test_equal_batch_sizes_are_refused():
    with pytest.raises(BadInput, match="small_batch < large_batch, got 8.0 and 8.0"):
        noise_scale(2.0, 1.0, 8.0, 8.0)
