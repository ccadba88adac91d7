import pytest
import torch

from finetune.ppo.losses import clipped_policy_loss
from finetune.ppo.rewards import AdaptiveKLController, token_rewards
from gpt.errors import BadInput
from gpt.policy.kl import exact_kl, k1


def two_distributions(n=200, n_vocab=6, scale=2.0):
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(2, n, n_vocab, generator=generator).double()


def test_a_step_on_the_penalty_alone_brings_the_policy_closer_to_its_reference():
    policy, reference = two_distributions(n=4, scale=1.0)  # four positions, no context
    policy.requires_grad_()
    generator = torch.Generator().manual_seed(0)
    answers = torch.multinomial(
        policy.detach().softmax(-1), 2000, replacement=True, generator=generator
    ).T
    mask = torch.ones_like(answers, dtype=torch.bool)

    def logprobs(logits):
        return logits.log_softmax(-1).expand(2000, 4, 6).gather(-1, answers[..., None])[..., 0]

    def distance():
        return exact_kl(policy[None], reference[None], mask[:1]).sum().item()

    before, old = distance(), logprobs(policy).detach()
    penalty = token_rewards(
        k1(old, logprobs(reference), mask), torch.zeros(2000), mask, kl_coef=1.0
    )
    loss = clipped_policy_loss(logprobs(policy), old, penalty.double(), mask).loss
    (gradient,) = torch.autograd.grad(loss, policy)
    with torch.no_grad():
        policy -= 4 * gradient  # the loss is a mean over four positions
    assert distance() < 0.8 * before


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        (6.0, 0.1),  # on target
        (6.6, 0.101),  # 10 % above: 1 + 0.1 * 10 / 100
        (12.0, 0.102),  # clipped to 20 %
        (0.0, 0.098),
        (-3.0, 0.098),  # an estimate may be negative; the coefficient stays positive
    ],
)
def test_the_kl_coefficient_adapts_as_in_the_paper(kl, expected):
    controller = AdaptiveKLController(0.1, target_kl=6.0, horizon=100)
    assert controller.updated(kl, n_answers=10).kl_coef == pytest.approx(expected, abs=1e-12)
    assert controller.kl_coef == 0.1


def test_the_kl_coefficient_settles_where_the_kl_meets_its_target():
    controller = AdaptiveKLController(0.01, target_kl=6.0, horizon=1000)
    for _ in range(1000):
        kl = 3.0 / controller.kl_coef  # a larger coefficient makes the KL smaller
        controller = controller.updated(kl, n_answers=64)
    assert controller.kl_coef == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdaptiveKLController(0.0), "kl_coef must be a number above 0, got 0.0"),
        (
            lambda: AdaptiveKLController(0.1, target_kl=-6.0),
            "target_kl must be a number above 0, got -6.0",
        ),
        (lambda: AdaptiveKLController(0.1, horizon=0), "horizon must be a number above 0, got 0"),
        (lambda: AdaptiveKLController(float("nan")), "kl_coef must be a number above 0, got nan"),
    ],
)
def test_coefficients_that_are_not_positive_are_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()
