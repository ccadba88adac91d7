import pytest
import torch
from torch import tensor
from torch.distributions import Categorical, kl_divergence

from finetune.ppo.losses import (
    approximate_kl,
    clipped_policy_loss,
    clipped_value_loss,
    ppo_loss,
)
from gpt.errors import BadInput
from gpt.policy.statistics import entropy, masked_mean

# two answers of three tokens and one; 99 stands on padding
MASK = tensor([[True, True, True], [True, False, False]])
RATIOS = tensor([[1.5, 1.5, 0.5], [0.5, 99.0, 99.0]])
ADVANTAGES = tensor([[1.0, -1.0, 1.0], [-1.0, 99.0, 99.0]])
OLD = torch.zeros(2, 3)


def random_step(filler=0.0):
    """Six numbers a token and the mask, with a filler on padding."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(6) < tensor([6, 1, 4, 2])[:, None]
    numbers = 0.4 * torch.randn(6, 4, 6, generator=generator).double()
    return [each.masked_fill(~mask, filler) for each in numbers], mask


def test_the_policy_loss_by_hand():
    # 1.5 * 1 is cut to 1.2; 1.5 * -1 stays, it is the lower; 0.5 * 1 stays; 0.5 * -1 is cut to -0.8
    # so the mean of 1.2, -1.5, 0.5 and -0.8 is -0.15, and half of the tokens are cut
    loss, clipped = clipped_policy_loss(RATIOS.log(), OLD, ADVANTAGES, MASK)
    torch.testing.assert_close(loss, tensor(0.15), rtol=0, atol=1e-6)
    assert clipped == 0.5


def test_a_clipped_token_has_no_gradient():
    logprobs = RATIOS.log().requires_grad_()
    loss, _ = clipped_policy_loss(logprobs, OLD, ADVANTAGES, MASK)
    # of the others it is -advantage * ratio / 4
    expected = tensor([[0.0, 1.5 / 4, -0.5 / 4], [0.0, 0.0, 0.0]])
    (gradient,) = torch.autograd.grad(loss, logprobs)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-6)


def test_at_the_start_it_is_the_plain_policy_gradient_and_nothing_is_clipped():
    (logprobs, _, advantages, *_), mask = random_step()
    logprobs.requires_grad_()
    loss, clipped = clipped_policy_loss(logprobs, logprobs.detach(), advantages, mask)
    torch.testing.assert_close(loss, -advantages[mask].mean(), rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(loss, logprobs)
    torch.testing.assert_close(gradient, -advantages * mask / mask.sum(), rtol=0, atol=1e-12)
    assert clipped == 0


def test_a_token_with_a_positive_advantage_becomes_more_likely():
    logits = torch.zeros(1, 2, 3, requires_grad=True)
    mask = tensor([[True, True]])
    logprobs = logits.log_softmax(-1)[..., 1]
    loss, _ = clipped_policy_loss(logprobs, logprobs.detach(), tensor([[1.0, -1.0]]), mask)
    (gradient,) = torch.autograd.grad(loss, logits)
    after = (logits - gradient).softmax(-1)[0, :, 1]
    assert after[0] > 1 / 3 > after[1]


def test_the_clipped_loss_is_never_below_the_plain_loss():
    (logprobs, old, advantages, *_), mask = random_step()
    plain = -masked_mean((logprobs - old).exp() * advantages, mask)
    assert clipped_policy_loss(logprobs, old, advantages, mask, 0.1).loss > plain
    without_bound = clipped_policy_loss(logprobs, old, advantages, mask, 1e9)
    torch.testing.assert_close(without_bound.loss, plain, rtol=0, atol=1e-12)
    assert without_bound.clip_fraction == 0


def test_the_value_loss_by_hand():
    # old value 0. Said 1, should say 1: held at 0.2, so 0.64 and not 0. Said 1, should say 0: 1 and
    # not 0.04. Said 0.1, should say 1: within the range, 0.81. Said -2, should say -1: 1 against
    # 0.8 squared, so 1.
    values, returns = (
        tensor([[1.0, 1.0, 0.1], [-2.0, 99.0, 99.0]]),
        tensor([[1.0, 0, 1], [-1, 7, 7]]),
    )
    loss, clipped = clipped_value_loss(values, OLD, returns, MASK)
    torch.testing.assert_close(loss, tensor(0.5 * (0.64 + 1 + 0.81 + 1) / 4), rtol=0, atol=1e-6)
    assert clipped == 0.25


def test_the_value_loss_is_half_the_squared_error_within_the_clip_range():
    (values, old, returns, *_), mask = random_step()
    loss, clipped = clipped_value_loss(values, old, returns, mask, epsilon=100.0)
    expected = 0.5 * torch.nn.functional.mse_loss(values[mask], returns[mask])
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)
    assert clipped == 0


def test_a_value_outside_the_clip_range_has_no_gradient_towards_its_return():
    values = tensor([[1.0, 0.1]]).requires_grad_()
    mask = tensor([[True, True]])
    loss, _ = clipped_value_loss(values, torch.zeros(1, 2), tensor([[1.5, 1.5]]), mask)
    # 0.1 may still move: (0.1 - 1.5) / 2
    expected = tensor([[0.0, -0.7]])
    (gradient,) = torch.autograd.grad(loss, values)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-6)


def test_the_losses_add_up_with_their_weights():
    total = ppo_loss(tensor(1.0), tensor(2.0), tensor(3.0), value_coef=0.5, entropy_coef=0.25)
    assert total == 1 + 0.5 * 2 - 0.25 * 3


def test_the_entropy_bonus_raises_the_entropy():
    logits = tensor([[[2.0, 0.0, -1.0]]], requires_grad=True)
    before = entropy(logits.log_softmax(-1)).mean()
    loss = ppo_loss(tensor(0.0), tensor(0.0), before, entropy_coef=0.1)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert entropy((logits - gradient).log_softmax(-1)).mean() > before


def test_the_approximate_kl_is_that_of_the_new_policy_from_the_old():
    generator = torch.Generator().manual_seed(0)
    old, new = torch.randn(2, 1, 4, generator=generator).double().log_softmax(-1)
    # a token of the vocabulary for each of 4 rows, weighed by how often the old policy draws it
    each = torch.stack(
        [approximate_kl(new[:, v : v + 1], old[:, v : v + 1], tensor([[True]])) for v in range(4)]
    )
    expected = kl_divergence(Categorical(logits=old[0]), Categorical(logits=new[0]))
    torch.testing.assert_close((old[0].exp() * each).sum(), expected, rtol=0, atol=1e-12)
    assert approximate_kl(old, old, torch.ones(1, 4, dtype=torch.bool)) == 0


def every_loss(numbers, mask):
    logprobs, old, advantages, values, old_values, returns = numbers
    return [
        *clipped_policy_loss(logprobs, old, advantages, mask),
        *clipped_value_loss(values, old_values, returns, mask),
        approximate_kl(logprobs, old, mask),
    ]


@pytest.mark.parametrize("rubbish", [1e9, torch.inf, torch.nan])
def test_values_on_padding_change_no_number_and_no_gradient(rubbish):
    def computed(filler):
        numbers, mask = random_step(filler)
        numbers = [each.requires_grad_() for each in numbers]
        outputs = every_loss(numbers, mask)
        gradients = torch.autograd.grad(torch.stack(outputs).sum(), numbers)
        assert all((each[~mask] == 0).all() for each in gradients)
        return [*outputs, *gradients]

    for a, b in zip(computed(rubbish), computed(0.0), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_the_mean_runs_over_tokens_so_that_answers_without_padding_give_the_same():
    numbers, mask = random_step()
    flat = every_loss([each[mask][None] for each in numbers], mask[mask][None])
    for a, b in zip(every_loss(numbers, mask), flat, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("epsilon", [0.0, -0.2, float("nan")])
def test_an_empty_range_is_refused(epsilon):
    for loss in (clipped_policy_loss, clipped_value_loss):
        with pytest.raises(BadInput, match=f"epsilon must be above 0, got {epsilon}"):
            loss(RATIOS.log(), OLD, ADVANTAGES, MASK, epsilon)
