"""Losses of the GRPO family, by hand and against the exact gradient of the KL."""

import math

import pytest
import torch
from torch import tensor

from gpt.policy.kl import exact_kl, k3
from reasoning.grpo.losses import (
    GROUP_LOSSES,
    cispo_token_losses,
    grpo_token_losses,
    gspo_token_losses,
    kl_token_losses,
    longest_lengths,
    mean_lengths,
    own_lengths,
)

MASK = tensor([[True, True, True], [True, False, False]])
OLD = tensor([[-1.0, -2.0, -0.5], [-1.0, 7.0, 7.0]]).double()
RATIOS = tensor([[1.5, 0.5, 1.1], [0.5, 3.0, 3.0]], dtype=torch.float64)
NEW = OLD + RATIOS.log()
ADVANTAGES = tensor([2.0, -1.0]).double()


def close(found, expected, atol=1e-12):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


def test_the_loss_of_grpo_by_hand():
    loss, clipped = grpo_token_losses(NEW, OLD, ADVANTAGES, MASK, 0.2, 0.28)
    # min(1.5 x 2, 1.28 x 2); min(0.5 x 2, 0.8 x 2); 1.1 x 2; then min(0.5 x -1, 0.8 x -1)
    close(loss, -tensor([[2.56, 1.0, 2.2], [-0.8, 0, 0]]), atol=1e-7)
    assert clipped.tolist() == [[True, False, False], [True, False, False]]


def test_a_clipped_token_has_no_gradient_and_others_have_that_of_their_ratio():
    new = NEW.clone().requires_grad_()
    loss = grpo_token_losses(new, OLD, ADVANTAGES, MASK).loss.sum()
    (gradient,) = torch.autograd.grad(loss, new)
    close(gradient, [[0, -0.5 * 2, -1.1 * 2], [0, 0, 0]])


def test_gspo_has_the_geometric_mean_of_the_ratios():
    loss, clipped = gspo_token_losses(NEW, OLD, ADVANTAGES, MASK, 0.2, 0.2)
    mean = (1.5 * 0.5 * 1.1) ** (1 / 3)  # 0.94, within the limits
    close(loss, -tensor([[mean * 2] * 3, [-0.8, 0, 0]]), atol=1e-7)
    assert clipped.tolist() == [[False] * 3, [True, False, False]]
    # its limits by default are narrow: 0.94 is below 1 - 0.0003, which clips where A < 0
    assert gspo_token_losses(NEW, OLD, -ADVANTAGES, MASK).clipped[0].all()


def test_the_gradient_of_gspo_is_shared_by_the_tokens_of_an_answer():
    new = NEW.clone().requires_grad_()
    losses = gspo_token_losses(new, OLD, ADVANTAGES, MASK, 0.2, 0.2).loss
    (gradient,) = torch.autograd.grad((losses.sum(1) / own_lengths(MASK)).sum(), new)
    mean = (1.5 * 0.5 * 1.1) ** (1 / 3)
    close(gradient, [[-mean * 2 / 3] * 3, [0, 0, 0]])


def test_the_limit_of_cispo_is_the_largest_weight_itself():
    new = NEW.clone().requires_grad_()
    loss, clipped = cispo_token_losses(new, OLD, ADVANTAGES, MASK, epsilon_high=1.2)
    weights = tensor([[1.2, 0.5, 1.1], [0.5, 0, 0]], dtype=torch.float64)
    close(loss.detach(), -weights * ADVANTAGES[:, None] * NEW)
    (gradient,) = torch.autograd.grad(loss.sum(), new)
    close(gradient, -weights * ADVANTAGES[:, None])  # no token loses its gradient
    assert clipped.tolist() == [[True, False, False], [False] * 3]


def test_by_default_cispo_leaves_ratios_up_to_5_alone():
    """A default of 0.2, as that of the others, would shrink all gradients."""
    _, _, low, high = GROUP_LOSSES["cispo"]
    assert high == 5.0
    new = NEW.clone().requires_grad_()
    loss = cispo_token_losses(new, OLD, ADVANTAGES, MASK, low, high).loss.sum()
    (gradient,) = torch.autograd.grad(loss, new)
    close(gradient, -RATIOS * ADVANTAGES[:, None] * MASK)


def test_at_ratio_1_all_gradients_are_that_of_the_policy_gradient():
    lengths = own_lengths(MASK)[:, None]
    for name, (token_losses, _, low, high) in GROUP_LOSSES.items():
        new = OLD.clone().requires_grad_()
        losses = token_losses(new, OLD, ADVANTAGES, MASK, low, high).loss
        (gradient,) = torch.autograd.grad((losses / lengths).sum(), new)
        close(gradient, -ADVANTAGES[:, None] * MASK / lengths, atol=1e-7), name


def test_lengths_by_hand():
    assert own_lengths(MASK).tolist() == [3, 1]
    assert mean_lengths(MASK).tolist() == [2, 2]
    assert longest_lengths(MASK, 10).tolist() == [10, 10]
    found = {name: loss.divisors(MASK, 10).tolist() for name, loss in GROUP_LOSSES.items()}
    assert found == {
        "grpo": [3, 1],
        "dr_grpo": [10, 10],
        "dapo": [2, 2],
        "gspo": [3, 1],
        "cispo": [2, 2],
    }


@pytest.mark.parametrize("rubbish", [1e9, torch.inf, torch.nan])
@pytest.mark.parametrize("name", GROUP_LOSSES)
def test_padding_changes_no_loss_and_gets_no_gradient(name, rubbish):
    token_losses, _, low, high = GROUP_LOSSES[name]

    def computed(filler):
        new, old = (each.masked_fill(~MASK, filler).requires_grad_() for each in (NEW, OLD))
        losses, clipped = token_losses(new, old.detach(), ADVANTAGES, MASK, low, high)
        losses = losses + kl_token_losses(new, old.detach(), old.detach(), MASK)
        return [losses, clipped, *torch.autograd.grad(losses.sum(), [new])]

    for a, b in zip(computed(rubbish), computed(0.0), strict=True):
        assert (a[~MASK] == 0).all()
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def expected_gradient(token_losses, logits, reference):
    """Mean gradient over tokens sampled from the policy itself, computed over all of them."""
    logprobs = logits.log_softmax(-1)
    every = torch.ones_like(logprobs, dtype=torch.bool)
    losses = token_losses(logprobs, logprobs.detach(), reference.log_softmax(-1), every)
    return torch.autograd.grad((logprobs.detach().exp() * losses).sum(), logits)[0]


def test_with_its_ratio_k3_has_the_gradient_of_the_kl_and_without_it_not():
    """The two are equal in value, so only gradients can tell them apart."""
    generator = torch.Generator().manual_seed(0)
    logits, reference = torch.randn(2, 50, 6, generator=generator).double()
    logits.requires_grad_()
    mask = torch.ones(1, 50, dtype=torch.bool)
    kl = exact_kl(logits[None], reference[None], mask).sum()
    (exact,) = torch.autograd.grad(kl, logits)
    close(expected_gradient(kl_token_losses, logits, reference), exact)
    plain = expected_gradient(lambda new, _, far, mask: k3(new, far, mask), logits, reference)
    assert (plain - exact).norm() > 0.2 * exact.norm()
    logprobs = logits.detach().log_softmax(-1)
    values = [
        kl_token_losses(logprobs, logprobs, reference, logprobs < 0),
        k3(logprobs, reference, logprobs < 0),
    ]
    close(values[0], values[1])


def test_the_kl_by_hand():
    new, reference = tensor([[0.5]]).log(), tensor([[0.25]]).log()
    found = kl_token_losses(new, tensor([[0.4]]).log(), reference, tensor([[True]]))
    close(found.double(), [[1.25 * (0.5 - 1 + math.log(2))]], atol=1e-6)
