import pytest
import torch
from torch import tensor

from finetune.ppo.advantages import gae, td_errors
from gpt.errors import BadInput
from gpt.policy.statistics import whiten

# two answers, of three tokens and of four; 99 stands on padding
REWARDS = tensor([[1.0, 0.0, 2.0, 99.0], [0.0, 0.0, 0.0, 8.0]])
VALUES = tensor([[1.0, 2.0, 4.0, 99.0], [4.0, 4.0, 4.0, 4.0]])
MASK = tensor([[True, True, True, False], [True, True, True, True]])


def random_answers(n_rows=5, n_tokens=7):
    generator = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(2, n_rows, n_tokens, generator=generator).double()
    mask = torch.arange(n_tokens) < tensor([1, 7, 3, 6, 2])[:, None]
    return rewards, values, mask


def by_the_sum(rewards, values, mask, gamma, lam):
    """Equation 16 as it stands: every later surprise, discounted; one number at a time."""
    advantages = torch.zeros_like(rewards)
    for row, length in enumerate(mask.sum(1).tolist()):
        r, v = rewards[row].tolist(), [*values[row, :length].tolist(), 0.0]
        for t in range(length):
            advantages[row, t] = sum(
                (gamma * lam) ** (k - t) * (r[k] + gamma * v[k + 1] - v[k])
                for k in range(t, length)
            )
    return advantages


def test_td_errors_by_hand():
    # first row: 1 + 2 - 1, 0 + 4 - 2, and 2 + 0 - 4, for nothing comes after the last token
    expected = tensor([[2.0, 2.0, -2.0, 0.0], [0.0, 0.0, 0.0, 4.0]])
    torch.testing.assert_close(td_errors(REWARDS, VALUES, MASK), expected, rtol=0, atol=0)
    # half of the next value: 1 + 1 - 1, 0 + 2 - 2, 2 - 4
    expected = tensor([[1.0, 0.0, -2.0, 0.0], [-2.0, -2.0, -2.0, 4.0]])
    torch.testing.assert_close(td_errors(REWARDS, VALUES, MASK, 0.5), expected, rtol=0, atol=0)


def test_advantages_by_hand():
    # from the right, each surprise plus half of what follows: -2, 2 - 1, 2 + 0.5
    advantages, returns = gae(REWARDS, VALUES, MASK, gamma=1.0, lam=0.5)
    expected = tensor([[2.5, 1.0, -2.0, 0.0], [0.5, 1.0, 2.0, 4.0]])
    torch.testing.assert_close(advantages, expected, rtol=0, atol=0)
    expected = tensor([[3.5, 3.0, 2.0, 0.0], [4.5, 5.0, 6.0, 8.0]])
    torch.testing.assert_close(returns, expected, rtol=0, atol=0)


@pytest.mark.parametrize("gamma", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("lam", [0.0, 0.8, 1.0])
def test_the_loop_is_the_sum_of_the_paper(gamma, lam):
    rewards, values, mask = random_answers()
    advantages, returns = gae(rewards, values, mask, gamma, lam)
    expected = by_the_sum(rewards, values, mask, gamma, lam)
    torch.testing.assert_close(advantages, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(returns, (expected + values) * mask, rtol=0, atol=1e-12)


def test_with_lambda_one_the_returns_are_sums_of_rewards_whatever_the_critic_predicts():
    rewards = tensor([[0.0, 0.0, 8.0, 99.0]])
    mask = tensor([[True, True, True, False]])
    for values in (torch.zeros(1, 4), tensor([[5.0, -3.0, 2.0, 7.0]])):
        returns = gae(rewards, values, mask, gamma=0.5, lam=1.0).returns
        torch.testing.assert_close(returns, tensor([[2.0, 4.0, 8.0, 0.0]]), rtol=0, atol=0)


def test_a_critic_that_is_right_leaves_no_advantage():
    rewards, _, mask = random_answers()
    paid = gae(rewards, torch.zeros_like(rewards), mask, gamma=0.9, lam=1.0).returns
    advantages = gae(rewards, paid, mask, gamma=0.9, lam=0.7).advantages
    torch.testing.assert_close(advantages, torch.zeros_like(rewards), rtol=0, atol=1e-12)


def test_each_row_equals_the_row_computed_alone_without_padding():
    rewards, values, mask = random_answers()
    together = gae(rewards, values, mask, 0.9, 0.8)
    for row, n in enumerate(mask.sum(1).tolist()):
        cut = [each[row : row + 1, :n] for each in (rewards, values, mask)]
        alone = gae(*cut, gamma=0.9, lam=0.8)
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[row : row + 1, :n], b, rtol=0, atol=0)


@pytest.mark.parametrize("rubbish", [1e9, torch.inf, torch.nan])
def test_values_on_padding_change_no_number_and_no_gradient(rubbish):
    def computed(filler):
        rewards, values, mask = random_answers()
        rewards, values = (
            each.masked_fill(~mask, filler).requires_grad_() for each in (rewards, values)
        )
        advantages, returns = gae(rewards, values, mask, 0.9, 0.8)
        outputs = [advantages, returns, whiten(rewards, mask), whiten(values, mask)]
        weights = torch.arange(35.0).view(5, 7).cos()
        gradients = torch.autograd.grad((weights * torch.stack(outputs)).sum(), [rewards, values])
        assert all((each[~mask] == 0).all() for each in [*outputs, *gradients])
        return [*outputs, *gradients]

    for a, b in zip(computed(rubbish), computed(0.0), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("setting", [{"gamma": 1.1}, {"gamma": -0.1}, {"lam": float("nan")}])
def test_shares_outside_zero_and_one_are_refused(setting):
    ((name, value),) = setting.items()
    with pytest.raises(BadInput, match=rf"{name} must lie in \[0, 1\], got {value}"):
        gae(REWARDS, VALUES, MASK, **setting)
