import math

import pytest
import torch
from torch import tensor

from gpt.errors import BadInput
from gpt.policy.statistics import entropy, masked_mean, whiten


def test_whitening_by_hand():
    # 1, 3, 5: mean 3, variance (4 + 0 + 4) / 2, so one unit is 2
    x = tensor([[1.0, 3.0, 99.0], [5.0, 99.0, 99.0]])
    mask = tensor([[True, True, False], [True, False, False]])
    assert masked_mean(x, mask) == 3
    expected = tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    torch.testing.assert_close(whiten(x, mask), expected, rtol=0, atol=1e-6)


def test_statistics_are_those_of_the_answer_tokens_only():
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)).double()
    mask = torch.arange(7) < tensor([1, 7, 3, 6, 2])[:, None]
    torch.testing.assert_close(masked_mean(x, mask), x[mask].mean(), rtol=0, atol=1e-12)
    expected = (x[mask] - x[mask].mean()) / x[mask].std()
    torch.testing.assert_close(whiten(x, mask, eps=0.0)[mask], expected, rtol=0, atol=1e-12)
    moments = whiten(x, mask)[mask].mean(), whiten(x, mask)[mask].var()
    torch.testing.assert_close(torch.stack(moments), tensor([0.0, 1.0]).double(), atol=1e-7, rtol=0)


def test_equal_numbers_whiten_to_zero_and_not_to_nan():
    mask = tensor([[True, True, False]])
    assert whiten(torch.full((1, 3), 7.0), mask).tolist() == [[0, 0, 0]]


def test_a_statistic_of_too_few_tokens_is_refused():
    x, mask = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    with pytest.raises(BadInput, match=r"1 answer tokens are needed, a mask of \(2, 3\) has 0"):
        masked_mean(x, mask)
    mask[0, 0] = True
    with pytest.raises(BadInput, match=r"2 answer tokens are needed, a mask of \(2, 3\) has 1"):
        whiten(x, mask)


def test_entropy_by_hand():
    # 1/2 ln 2 + 2 * 1/4 ln 4, and the most that three tokens can have
    log_p = torch.tensor([[[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]]]).log()
    expected = torch.tensor([[1.5 * math.log(2), math.log(3)]])
    torch.testing.assert_close(entropy(log_p), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rubbish", [1e9, torch.inf, torch.nan])
def test_statistics_ignore_padding_and_give_it_no_gradient(rubbish):
    mask = tensor([[True, True, False], [True, True, True]])
    numbers = tensor([[1.0, 2.0, 0.0], [3.0, 5.0, 8.0]])

    def computed(filler):
        x = numbers.masked_fill(~mask, filler).requires_grad_()
        outputs = [whiten(x, mask), masked_mean(x, mask)[None, None]]
        total = sum((each * torch.arange(each.numel()).view(each.shape)).sum() for each in outputs)
        return [outputs[0], *torch.autograd.grad(total + outputs[1].sum(), [x])]

    for a, b in zip(computed(rubbish), computed(0.0), strict=True):
        assert (a[~mask] == 0).all()
        torch.testing.assert_close(a, b, rtol=0, atol=0)
