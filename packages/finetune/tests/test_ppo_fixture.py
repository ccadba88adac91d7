"""Our PPO against the recorded updates of trl 1.12.0: piece by piece, then complete updates."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import tensor

from finetune.comparison import ppo_rows, ppo_whole
from finetune.comparison.ppo_recorded import (
    RECORDED_CASES,
    initial_policy,
    initial_scorer,
    load_recorded_update,
    load_recording,
    weights_by_our_names,
)
from finetune.ppo import ppo as ppo_module
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.advantages import gae
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.losses import clipped_policy_loss, clipped_value_loss, ppo_loss
from finetune.ppo.rewards import penalise_missing_stop, token_rewards
from gpt.policy.kl import k1
from gpt.policy.rollouts import Rollout
from gpt.policy.rows import pad_examples, prompt_answer_example
from gpt.policy.statistics import entropy, masked_mean, whiten
from gpt.training import loop as loop_module
from gpt.training.loop import LoopConfig

SCRIPT = Path(__file__).parents[1] / "scripts" / "ppo_fixture.py"
WIDTH = 5  # of the recorded answers


def texts(update):
    """Pad queries and answers to a block; return the position before each answer token as well."""
    pairs = [*zip(update.queries, update.answers, strict=True)]
    block = pad_examples([prompt_answer_example(*pair) for pair in pairs])
    starts = tensor([len(query) for query, _ in pairs])[:, None] - 1
    places = (starts + torch.arange(WIDTH)).clamp(max=block.tokens.shape[1] - 1)
    return block, places


def new_logprobs(policy, update):
    block, places = texts(update)
    logprobs = policy(block.tokens, block.mask)
    logprobs = torch.nn.functional.pad(logprobs, (0, 1)).gather(1, places)
    return logprobs.masked_fill(~update.answer_mask, 1.0)  # as trl does


def new_values(critic, update):
    block, places = texts(update)
    return critic.values(block.tokens).gather(1, places).masked_fill(~update.reward_mask, 0.0)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", RECORDED_CASES)
def test_models_rebuilt_from_the_formula_compute_the_recorded_values(case):
    update = load_recorded_update(case)
    close(new_logprobs(initial_policy("policy"), update), update.rollout["logprobs"])
    close(new_logprobs(initial_policy("reference"), update), update.rollout["ref_logprobs"])
    close(new_values(initial_scorer("value"), update), update.rollout["values"])


@pytest.mark.parametrize("case", RECORDED_CASES)
def test_scores_are_read_at_the_last_token_and_penalised_if_it_is_not_a_stop_token(case):
    update, stop = load_recorded_update(case), load_recording()["model"]["stop"]
    block, _ = texts(update)
    stopped = tensor([answer[-1] == stop for answer in update.answers])
    assert stopped.any() and not stopped.all()
    scores = initial_scorer("reward")(block.tokens, block.lengths)
    penalty = update.settings["missing_eos_penalty"]
    close(penalise_missing_stop(scores, stopped, penalty), update.rollout["scores"])


def test_our_functions_compute_every_recorded_number():
    rows = ppo_rows.recorded_rows()
    assert [(row.name, row.max_abs_diff) for row in rows if not row.is_equal] == []
    assert {row.library for row in rows} == {"trl 1.12.0, recorded"}
    assert len(rows) == 10


@pytest.mark.parametrize("case", RECORDED_CASES)
def test_a_complete_update_changes_every_weight_as_in_trl(case):
    update = load_recorded_update(case)
    settings, before = update.settings, update.rollout
    policy, critic = initial_policy("policy"), initial_scorer("value")
    optimizer = torch.optim.AdamW(
        [*policy.parameters(), *critic.parameters()],
        lr=settings["learning_rate"],
        betas=(settings["adam_beta1"], settings["adam_beta2"]),
        eps=settings["adam_epsilon"],
        weight_decay=settings["weight_decay"],
    )
    for rows, step in zip(update.minibatches, update.steps, strict=True):
        old = {name: each[rows] for name, each in before.items()}
        answers, rewarded = update.answer_mask[rows], update.reward_mask[rows]
        logprobs = new_logprobs(policy, update)[rows]
        values = new_values(critic, update)[rows]
        close(logprobs, step["new_logprobs"])
        close(values, step["vpred"])
        policy_part = clipped_policy_loss(logprobs, old["logprobs"], old["advantages"], answers)
        value_part = clipped_value_loss(values, old["values"], old["returns"], rewarded)
        close(policy_part.loss, step["pg_loss"])
        close(value_part.loss, step["vf_loss"])
        shares = torch.stack([policy_part.clip_fraction, value_part.clip_fraction])  # float32 there
        theirs = torch.stack([step["pg_clipfrac"], step["vf_clipfrac"]])
        torch.testing.assert_close(shares, theirs, rtol=0, atol=1e-7)
        optimizer.zero_grad()
        ppo_loss(
            policy_part.loss, value_part.loss, tensor(0.0), value_coef=settings["vf_coef"]
        ).backward()
        optimizer.step()
    for role, model in (("policy", policy), ("value", critic)):
        ours = dict(model.named_parameters())
        assert ours.keys() == update.weights_after[role].keys()
        for name, theirs in update.weights_after[role].items():
            torch.testing.assert_close(ours[name].detach(), theirs, rtol=0, atol=1e-8)


def test_our_functions_compute_the_whole_update():
    row = ppo_whole.whole_update_row()
    assert row.is_equal and row.max_abs_diff < 1e-9, row


def difference_after_ppo(monkeypatch):
    """The largest difference of a weight after a phase of `ppo` with the recorded answers.

    Replaced are the sampling of answers and of minibatches, and the epsilon of AdamW.
    """
    update = load_recorded_update(ppo_whole.UPDATE_CASE)
    settings, per_epoch = update.settings, update.settings["num_mini_batches"]
    models = ActorCritic(initial_policy("policy"), initial_scorer("value"), settings["kl_coef"])
    pairs = zip(update.queries, update.answers, strict=True)
    stop = load_recording()["model"]["stop"]
    answers = Rollout(
        pad_examples([prompt_answer_example(*pair) for pair in pairs]),
        tensor([answer[-1] == stop for answer in update.answers]),
        torch.zeros(len(update.answers), 0),  # PPO does not read them
    )

    class RecordedOrder:
        def __init__(self, seed):
            self.epoch = seed[2] if len(seed) == 3 else 0

        def integers(self, high):
            return 0

        def permutation(self, n):
            begin = self.epoch * per_epoch
            return np.concatenate(update.minibatches[begin : begin + per_epoch])

    optimizer = ppo_whole.recorded_training_state(models, settings).optimizer
    monkeypatch.setattr(ppo_module, "rollout", lambda *_: answers)
    monkeypatch.setattr(ppo_module.np.random, "default_rng", RecordedOrder)
    monkeypatch.setattr(loop_module, "make_optimizer", lambda *_: optimizer)
    config = PPOHyperparameters(
        n_phases=1,
        prompts_per_phase=len(update.answers),
        n_epochs=settings["num_ppo_epochs"],
        n_minibatches=per_epoch,
        gamma=settings["gamma"],
        gae_lambda=settings["lam"],
        clip_epsilon=settings["cliprange"],
        value_clip_epsilon=settings["cliprange_value"],
        value_coef=settings["vf_coef"],
        missing_stop_penalty=settings["missing_eos_penalty"],
    )
    rate = settings["learning_rate"]
    loop = LoopConfig(
        learning_rate=rate, min_lr_ratio=1.0, warmup_ratio=0.0, max_grad_norm=ppo_whole.NO_CLIP
    )
    scorer, reference = initial_scorer("reward"), initial_policy("reference")
    score = lambda made: scorer(made.rows.tokens, made.rows.lengths)  # noqa: E731
    [_] = ppo_module.ppo(models, reference, score, lambda phase: [], stop, config, loop)
    return max(
        (ours.detach() - update.weights_after[role][name]).abs().max().item()
        for role, model in (("policy", models.policy), ("value", models.critic))
        for name, ours in model.named_parameters()
    )


def test_a_phase_of_ppo_does_the_whole_update(monkeypatch):
    assert difference_after_ppo(monkeypatch) < 1e-9


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("ppo.k1", lambda logprobs, reference, mask: k1(reference, logprobs, mask)),
        ("ppo.whiten", lambda x, mask: x),
        ("ppo.penalise_missing_stop", lambda scores, stopped, penalty: scores),
        ("ppo.gae", lambda rewards, values, mask, gamma, lam: gae(rewards, values, mask)),
        ("ppo.ppo_loss", lambda policy, value, *rest: ppo_loss(policy, 2 * value, *rest)),
        ("ppo.clipped_policy_loss", lambda *given: clipped_policy_loss(*given[:4], epsilon=0.4)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_piece_in_a_phase_or_step_makes_the_update_unequal(monkeypatch, place, wrong):
    monkeypatch.setattr(f"finetune.ppo.{place}", wrong)
    assert difference_after_ppo(monkeypatch) > ppo_whole.UPDATE_TOLERANCE


@pytest.mark.parametrize("case", RECORDED_CASES)
def test_the_recorded_update_clips_often_and_changes_weights_noticeably(case):
    update = load_recorded_update(case)
    assert max(step["pg_clipfrac"] for step in update.steps) > 0.3
    assert max(step["vf_clipfrac"] for step in update.steps) > 0.3
    assert (update.rollout["kl"].abs() > 0.01).any()
    fresh = {"policy": initial_policy("policy"), "value": initial_scorer("value")}
    for role, model in fresh.items():
        for name, parameter in model.named_parameters():
            moved = (parameter - update.weights_after[role][name]).abs()
            assert moved.max() > 0.005, name


def test_the_entropy_of_full_length_answers_is_the_logged_one():
    update = load_recorded_update("whole")
    policy, (block, places) = initial_policy("policy"), texts(update)
    logits = policy.logits(policy.hidden(block.tokens))
    logits = logits.gather(1, places[..., None].expand(-1, -1, logits.shape[-1]))
    rows = update.minibatches[0]
    mean = masked_mean(entropy(logits.log_softmax(-1))[rows], update.answer_mask[rows])
    close(mean, update.steps[0]["entropy"])


def test_trl_scores_an_early_stop_on_padding_and_we_score_it_on_the_stop_token():
    update = load_recorded_update("stopped")
    settings, theirs = update.settings, update.rollout
    answers = update.answer_mask
    kl = k1(theirs["logprobs"], theirs["ref_logprobs"], answers)
    assert (theirs["rewards"][~answers] != 0).sum() == 5  # one per answer that has padding
    ours = token_rewards(kl, theirs["scores"], answers, settings["kl_coef"])
    assert (ours[~answers] == 0).all()
    close(ours.sum(1), theirs["rewards"].sum(1))
    advantages = gae(ours, theirs["values"], answers, settings["gamma"], settings["lam"]).advantages
    assert (whiten(advantages, answers) - theirs["advantages"]).abs().max() > 0.1


@pytest.mark.parametrize(
    ("piece", "row"),
    [
        ("k1", "PPO, KL, k1"),
        ("gae", "PPO, GAE"),
        ("whiten", "PPO, whitened advantages"),
        ("clipped_value_loss", "PPO, value loss"),
    ],
)
def test_a_wrong_piece_makes_its_row_unequal(monkeypatch, piece, row):
    def k1_with_wrong_sign(logprobs, reference, mask):
        return -k1(logprobs, reference, mask)

    def gae_one_late(rewards, values, mask, gamma, lam):
        return gae(rewards.roll(1, 1), values, mask, gamma, lam)

    def whitened_with_padding(x, mask):
        return whiten(x, torch.ones_like(mask))

    def value_loss_without_half(*given):
        right = clipped_value_loss(*given)
        return right._replace(loss=2 * right.loss)

    wrong = {
        "k1": k1_with_wrong_sign,
        "gae": gae_one_late,
        "whiten": whitened_with_padding,
        "clipped_value_loss": value_loss_without_half,
    }
    monkeypatch.setattr(ppo_rows, piece, wrong[piece])
    assert row in {each.name for each in ppo_rows.recorded_rows() if not each.is_equal}


@pytest.mark.slow
def test_the_script_records_the_same_numbers_again(tmp_path):
    output = tmp_path / "again.json"
    command = ["uv", "run", "--script", SCRIPT, "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again = json.loads(output.read_text("utf-8"))
    for case in RECORDED_CASES:
        for role, weights in again["cases"][case]["after"].items():
            for name, weight in weights_by_our_names(weights).items():
                close(weight, load_recorded_update(case).weights_after[role][name])
