import math

import pytest
import torch
from torch import tensor
from torch.distributions import Categorical, kl_divergence

from gpt.policy.kl import exact_kl, k1, k2, k3

LN2 = math.log(2)


# the policy and its reference over three tokens; each column below is one of the tokens
P, Q = tensor([[0.5, 0.25, 0.25]]).double(), tensor([[0.25, 0.25, 0.5]]).double()


ALL = torch.ones(1, 3, dtype=torch.bool)


def two_distributions(n=200, n_vocab=6, scale=2.0):
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(2, n, n_vocab, generator=generator).double()


def estimates(kind, logits, reference):
    """The estimate for every token of the vocabulary, and how likely the policy draws it."""
    log_p, log_q = logits.log_softmax(-1), reference.log_softmax(-1)
    return kind(log_p, log_q, torch.ones_like(log_p, dtype=torch.bool)), log_p.exp()


def test_estimates_by_hand():
    # policy over reference: 2, 1 and 1/2
    log_p, log_q = P.log(), Q.log()
    expected = {
        k1: [LN2, 0.0, -LN2],
        k2: [LN2**2 / 2, 0.0, LN2**2 / 2],
        k3: [1 / 2 - 1 + LN2, 0.0, 2 - 1 - LN2],
    }
    for kind, values in expected.items():
        torch.testing.assert_close(
            kind(log_p, log_q, ALL), tensor([values], dtype=torch.float64), rtol=0, atol=1e-12
        )


def test_the_exact_divergence_by_hand():
    # 1/2 ln 2 + 1/4 ln 1 + 1/4 ln 1/2
    exact = exact_kl(P.log()[None], Q.log()[None], ALL[:, :1])
    torch.testing.assert_close(exact, tensor([[LN2 / 4]], dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_exact_divergence_is_that_of_torch_and_runs_from_the_policy():
    logits, reference = two_distributions()
    mask = torch.ones(1, 200, dtype=torch.bool)
    expected = kl_divergence(Categorical(logits=logits), Categorical(logits=reference))
    ours = exact_kl(logits[None], reference[None], mask)
    torch.testing.assert_close(ours, expected[None], rtol=0, atol=1e-12)
    backwards = exact_kl(reference[None], logits[None], mask)
    assert (ours - backwards).abs().max() > 0.1


@pytest.mark.parametrize("kind", [k1, k3])
def test_the_mean_over_all_tokens_is_the_exact_divergence(kind):
    logits, reference = two_distributions()
    values, p = estimates(kind, logits, reference)
    exact = kl_divergence(Categorical(logits=logits), Categorical(logits=reference))
    torch.testing.assert_close((p * values).sum(-1), exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [k1, k3])
def test_the_mean_over_samples_lies_within_four_standard_errors(kind):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.multinomial(P, 20_000, replacement=True, generator=generator)
    log_p, log_q = (each.log()[0, tokens] for each in (P, Q))
    values = kind(log_p, log_q, torch.ones_like(tokens, dtype=torch.bool))
    assert abs(values.mean() - LN2 / 4) < 4 * values.std() / math.sqrt(20_000)


def test_the_bias_of_k2_shrinks_as_the_two_distributions_approach():
    def bias(scale):
        logits, reference = two_distributions(scale=scale)
        values, p = estimates(k2, logits, reference)
        exact = kl_divergence(Categorical(logits=logits), Categorical(logits=reference))
        return (((p * values).sum(-1) - exact).abs().sum() / exact.sum()).item()

    assert bias(2.0) > 0.5
    assert bias(0.02) < 0.02


def test_k1_is_negative_for_some_tokens_and_k3_for_none():
    logits, reference = two_distributions(scale=10.0)
    assert (estimates(k1, logits, reference)[0] < 0).double().mean() > 0.2
    assert (estimates(k3, logits, reference)[0] >= 0).all()


def test_k3_varies_less_than_k1_while_the_two_are_close():
    logits, reference = two_distributions(scale=0.1)

    def variance(kind):
        values, p = estimates(kind, logits, reference)
        return (p * values**2).sum(-1) - (p * values).sum(-1) ** 2

    assert (variance(k3) < 0.1 * variance(k1)).all()


def test_as_a_loss_k1_has_no_expected_gradient_and_k2_that_of_the_kl():
    logits, reference = two_distributions()
    logits.requires_grad_()

    def slope(kind):
        values, p = estimates(kind, logits, reference)
        return torch.autograd.grad((p.detach() * values).sum(), logits)[0]  # samples do not move

    exact = kl_divergence(Categorical(logits=logits), Categorical(logits=reference))
    (expected,) = torch.autograd.grad(exact.sum(), logits)
    torch.testing.assert_close(slope(k1), torch.zeros_like(logits), rtol=0, atol=1e-12)
    torch.testing.assert_close(slope(k2), expected, rtol=0, atol=1e-12)
    assert (slope(k3) - expected).abs().max() > 0.1


@pytest.mark.parametrize("rubbish", [1e9, torch.inf, torch.nan])
@pytest.mark.parametrize("kind", [k1, k2, k3])
def test_values_on_padding_change_no_number_and_no_gradient(kind, rubbish):
    mask = tensor([[True, True, False]])
    logits, reference = (each[:3][None] for each in two_distributions())

    def computed(filler):
        pair = [each.masked_fill(~mask[..., None], filler) for each in (logits, reference)]
        pair += [each[..., 0].clone() for each in pair]
        for each in pair:
            each.requires_grad_()
        outputs = [exact_kl(*pair[:2], mask), kind(*pair[2:], mask)]
        assert all((each[~mask] == 0).all() for each in outputs)
        total = (torch.cat(outputs) * tensor([1.0, 2.0, 3.0])).sum()
        return [*outputs, *torch.autograd.grad(total, pair)]

    for a, b in zip(computed(rubbish), computed(0.0), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
