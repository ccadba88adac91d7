"""PPO's pieces against torchrl, in this process; trl's PPO is compared in test_ppo_fixture.py."""

import pytest
import torch
from torch import tensor

pytest.importorskip("torchrl", reason="baselines: needs the extra baselines")

from finetune.comparison import ppo_rows
from finetune.ppo import baselines
from finetune.ppo.advantages import gae
from finetune.ppo.losses import clipped_policy_loss, clipped_value_loss

pytestmark = pytest.mark.baselines


def answers(n_rows=6, n_tokens=9):
    """Draw four float64 arrays and the mask of the answers."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(n_tokens) < tensor([9, 1, 4, 2, 8, 5])[:, None]
    return torch.randn(4, n_rows, n_tokens, generator=generator).double(), mask


def test_every_row_of_the_comparison_is_equal():
    torch.manual_seed(0)
    rows = ppo_rows.torchrl_rows()
    assert [(row.name, row.max_abs_diff) for row in rows if not row.is_equal] == []
    assert len(rows) == 5 and rows[0].speedup is not None


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize("lam", [0.0, 0.75, 1.0])
def test_advantages_and_returns_equal_those_of_torchrl(gamma, lam):
    (rewards, values, *_), mask = answers()
    ours = gae(rewards, values, mask, gamma, lam)
    theirs = baselines.torchrl_gae(rewards, values, mask, gamma, lam)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a[mask], b[mask], rtol=0, atol=1e-12)


@pytest.mark.parametrize("epsilon", [0.125, 0.25])
def test_losses_and_gradients_equal_those_of_torchrl(epsilon):
    (advantages, values, old_values, returns), mask = answers()
    logits = torch.randn(6, 9, 5, generator=torch.Generator().manual_seed(1)).double()
    tokens = torch.randint(0, 5, (6, 9), generator=torch.Generator().manual_seed(2))
    old_logprobs = (logits + 0.5 * logits.cos()).log_softmax(-1)
    old_logprobs = old_logprobs.gather(-1, tokens[..., None])[..., 0]
    logits.requires_grad_()
    values.requires_grad_()
    logprobs = logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    policy = clipped_policy_loss(logprobs, old_logprobs, advantages, mask, epsilon)
    value = clipped_value_loss(values, old_values, returns, mask, epsilon)
    assert 0 < policy.clip_fraction < 1 and 0 < value.clip_fraction < 1
    batch = (logits, tokens, old_logprobs, advantages, values, old_values, returns)
    theirs = baselines.torchrl_losses(
        baselines.TokenBatch(*(each[mask] for each in batch)), epsilon
    )
    for loss, name, leaf in (
        (policy.loss, "loss_objective", logits),
        (value.loss, "loss_critic", values),
    ):
        torch.testing.assert_close(loss, theirs[name], rtol=0, atol=1e-12)
        pair = [torch.autograd.grad(each, leaf, retain_graph=True) for each in (loss, theirs[name])]
        torch.testing.assert_close(*pair, rtol=0, atol=1e-12)


def test_gae_that_reads_values_after_the_end_makes_the_row_unequal(monkeypatch):
    def leaking(rewards, values, mask, gamma, lam):
        return gae(rewards, values, torch.ones_like(mask), gamma, lam)

    monkeypatch.setattr(ppo_rows, "gae", leaking)
    torch.manual_seed(0)
    assert not ppo_rows.torchrl_gae_row(8, 16).is_equal
