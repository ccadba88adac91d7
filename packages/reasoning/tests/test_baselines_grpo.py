"""GRPO and its siblings against trl: each trap, made once, makes a row unequal."""

import pytest
import torch

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

from gpt.comparison.baselines import our_policy
from reasoning.baselines import small_llama
from reasoning.comparison import grpo_rows, grpo_steps
from reasoning.comparison.grpo_rows import COMPARED_LOSSES, library_loss, loss_inputs, our_loss
from reasoning.comparison.grpo_steps import STEP_LOSSES, RecordingReward, steps_row
from reasoning.grpo import grpo as grpo_module
from reasoning.grpo.advantages import group_advantages, split_into_groups
from reasoning.grpo.losses import GROUP_LOSSES, grpo_token_losses, gspo_token_losses

pytestmark = pytest.mark.baselines


@pytest.fixture(scope="module")
def inputs():
    torch.manual_seed(0)
    return loss_inputs()


def without_sign(rewards, group_size, scaling):
    return -group_advantages(rewards, group_size, scaling)


def with_divisor_n(rewards, group_size, scaling):
    groups = split_into_groups(rewards, group_size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    if scaling == "group":
        centred = centred / (groups.std(dim=1, keepdim=True, correction=0) + 1e-4)
    elif scaling == "batch":
        centred = centred / (rewards.std(correction=0) + 1e-4)
    return centred.flatten()


def over_the_other_axis(rewards, group_size, scaling):
    groups = split_into_groups(rewards, group_size)
    return (groups - groups.mean(dim=0)).flatten()


@pytest.mark.parametrize("advantages", [without_sign, with_divisor_n, over_the_other_axis])
def test_other_advantages_are_found(inputs, monkeypatch, advantages):
    monkeypatch.setattr(grpo_rows, "group_advantages", advantages)
    assert not grpo_rows.loss_row(inputs, "GRPO", 0.0).is_equal


CISPO = GROUP_LOSSES["cispo"]
WRONG_LOSSES = {
    "GRPO": ("grpo", GROUP_LOSSES["grpo"]._replace(token_losses=gspo_token_losses)),
    "GSPO": ("gspo", GROUP_LOSSES["gspo"]._replace(token_losses=grpo_token_losses)),
    "Dr. GRPO": (
        "dr_grpo",
        GROUP_LOSSES["dr_grpo"]._replace(divisors=GROUP_LOSSES["dapo"].divisors),
    ),
    "DAPO": ("dapo", GROUP_LOSSES["dapo"]._replace(divisors=GROUP_LOSSES["grpo"].divisors)),
    "BNPO, one minibatch": (
        "dapo",
        GROUP_LOSSES["dapo"]._replace(divisors=GROUP_LOSSES["dr_grpo"].divisors),
    ),
    "CISPO": (
        "cispo",
        CISPO._replace(token_losses=lambda *args: CISPO.token_losses(*args[:-1], 1 + args[-1])),
    ),
}


@pytest.mark.parametrize("name", WRONG_LOSSES)
def test_another_loss_is_found(inputs, monkeypatch, name):
    ours, wrong = WRONG_LOSSES[name]
    assert grpo_rows.loss_row(inputs, name, 0.0).is_equal
    monkeypatch.setitem(GROUP_LOSSES, ours, wrong)
    assert not grpo_rows.loss_row(inputs, name, 0.0).is_equal


def test_a_loss_that_clips_nothing_is_not_called_equal(inputs, monkeypatch):
    wide = COMPARED_LOSSES["DAPO"]._replace(epsilon_low=0.99, epsilon_high=1e9)
    monkeypatch.setitem(COMPARED_LOSSES, "DAPO", wide)
    near = inputs._replace(old_logprobs=inputs.old_logprobs.clamp(min=-5.0, max=-4.0))
    row = grpo_rows.loss_row(near, "DAPO", 0.0)
    assert row.note == "0% of the tokens clipped" and not row.is_equal


def test_a_kl_without_its_ratio_is_found(inputs, monkeypatch):
    from gpt.policy.kl import k3

    monkeypatch.setattr(
        grpo_module, "kl_token_losses", lambda new, old, reference, mask: k3(new, reference, mask)
    )
    assert not grpo_rows.loss_row(inputs, "GRPO", 0.1).is_equal


def test_trl_weights_the_kl_of_gspo_with_the_ratio_of_the_whole_answer(inputs):
    """An open bug of trl 1.16, where our KL has the ratio of its token: no row compares them."""
    compared = COMPARED_LOSSES["GSPO"]
    for kl_coef, equal in ((0.0, True), (0.1, False)):
        ours, _ = our_loss(inputs, compared.hyperparameters("group", kl_coef=kl_coef))
        theirs = library_loss(inputs, compared.library_settings("group"), kl_coef)
        assert (ours.difference(theirs) < 1e-5) == equal


@pytest.mark.parametrize("accumulation", [2, 4])
@pytest.mark.parametrize("name", STEP_LOSSES)
def test_steps_are_equal_with_any_number_of_micro_batches(name, accumulation):
    row = steps_row(name, accumulation=accumulation)
    assert row.is_equal, row


@pytest.mark.parametrize("name", STEP_LOSSES)
def test_our_steps_do_not_depend_on_the_number_of_micro_batches(name):
    weights = []
    for accumulation in (1, 2, 4):
        torch.manual_seed(0)
        ours = our_policy(small_llama(grpo_steps.VOCAB_SIZE))
        config = grpo_steps.step_hyperparameters(STEP_LOSSES[name], "group")
        size = config.answers_per_phase // accumulation
        reward, loop = RecordingReward(grpo_steps.STOP), grpo_steps.compared_loop(1e-3)
        list(
            grpo_module.grpo(
                ours, None, reward, grpo_steps.random_prompts, grpo_steps.STOP, config, loop, size
            )
        )
        lengths = {len(answer) for answer in reward.phases[0].answers}
        assert len(lengths) > 2  # micro-batches differ in their tokens
        weights.append(ours.state_dict())
    for other in weights[1:]:
        for name, weight in other.items():
            torch.testing.assert_close(weight, weights[0][name], rtol=0, atol=2e-5)


def test_old_logprobs_that_follow_the_policy_are_found(monkeypatch):
    """Without the old policy no ratio differs from 1."""

    def refreshed(policy, batch, config):
        rows = batch.rows
        logprobs = policy(rows.tokens, rows.mask).detach()
        old = grpo_module.align_answers(logprobs, rows, batch.mask.shape[1])
        return minibatch_loss(policy, batch._replace(old_logprobs=old), config)

    minibatch_loss = grpo_module.minibatch_loss
    monkeypatch.setattr(grpo_module, "minibatch_loss", refreshed)
    row = steps_row("GRPO")
    assert row.note == "0.0% of the tokens clipped" and not row.is_equal
    monkeypatch.setattr(grpo_steps, "FEWEST_CLIPPED", 0.0)
    assert steps_row("GRPO").max_abs_diff > 1e-3


def test_another_learning_rate_is_found(monkeypatch):
    loop = grpo_steps.compared_loop
    monkeypatch.setattr(grpo_steps, "compared_loop", lambda rate: loop(1.2 * rate))
    assert not steps_row("DAPO").is_equal
