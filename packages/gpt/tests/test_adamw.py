import math

import pytest
import torch

from gpt.training.adamw import AdamW, adamw_update


def test_a_step_by_hand():
    r"""From w = 1 with g = 2 and m = v = 0, at learning rate 0.1 and decay 0.5.

    The decay leaves 0.95. m = 0.1 * 2 = 0.2 and v = 0.01 * 4 = 0.04. Corrected for the start at
    zero, they are m_hat = 2 and v_hat = 4, and 2 / sqrt(4) = 1. So w = 0.95 - 0.1 = 0.85.

    Then with g = -1: the decay leaves 0.8075. m = 0.9 * 0.2 - 0.1 = 0.08, v = 0.99 * 0.04 + 0.01 =
    0.0496; 0.08 / 0.19 = 0.42105 and 0.0496 / 0.0199 = 2.49246, whose root is 1.57875.
    """
    zero = torch.zeros(1, dtype=torch.float64)
    settings = {"rate": 0.1, "betas": (0.9, 0.99), "eps": 0.0, "weight_decay": 0.5}
    first = adamw_update(zero + 1, zero + 2, zero, zero, step=1, **settings)
    assert [each.item() for each in first] == pytest.approx([0.85, 0.2, 0.04])
    second = adamw_update(first.weight, zero - 1, first.mean, first.square, step=2, **settings)
    weight = 0.8075 - 0.1 * (0.08 / 0.19) / math.sqrt(0.0496 / 0.0199)
    assert [each.item() for each in second] == pytest.approx([weight, 0.08, 0.0496])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("fused", [True, False])
def test_a_hundred_steps_equal_torchs(dtype, tolerance, fused):
    torch.manual_seed(0)
    ours = [torch.randn(shape, dtype=dtype).requires_grad_() for shape in ((5, 3), (3,))]
    theirs = [each.detach().clone().requires_grad_() for each in ours]
    settings = {"betas": (0.9, 0.95), "eps": 1e-8}
    groups = [[{"params": [a], "weight_decay": 0.3}, {"params": [b]}] for a, b in (ours, theirs)]
    optimizer = AdamW(groups[0], **settings)
    oracle = torch.optim.AdamW(groups[1], **settings, fused=fused)
    for step in range(100):
        for weight, other in zip(ours, theirs, strict=True):
            weight.grad = torch.randn_like(weight) * 10.0 ** (step % 5 - 3)
            other.grad = weight.grad.clone()
        for group in optimizer.param_groups + oracle.param_groups:
            group["lr"] = 0.05 / (1 + step)
        optimizer.step()
        oracle.step()
    for weight, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(weight, other, rtol=tolerance, atol=tolerance)


def test_a_weight_without_a_gradient_does_not_change():
    weight = torch.ones(2, requires_grad=True)
    AdamW([weight], weight_decay=0.5).step()
    assert torch.equal(weight, torch.ones(2))
