"""Rows of PPO's pieces: against torchrl in this process, and against numbers from trl 1.12.0."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from finetune.comparison.ppo_recorded import (
    RECORDED_CASES,
    RecordedUpdate,
    load_recorded_update,
    load_recording,
)
from finetune.comparison.ppo_whole import whole_update_row
from finetune.ppo.advantages import gae
from finetune.ppo.losses import clipped_policy_loss, clipped_value_loss
from finetune.ppo.rewards import token_rewards
from gpt.comparison.rows import ComparisonRow, max_abs_difference, time_interleaved
from gpt.policy.kl import k1, k2, k3
from gpt.policy.statistics import entropy, masked_mean, whiten

FLOAT64_TOLERANCE = 1e-12
CLIP_EPSILON = 0.25  # the same number in float32, in which torchrl keeps it
RECORDED_TOLERANCE = 1e-9  # twelve digits were recorded


def torchrl_gae_row(n_rows: int, n_tokens: int) -> ComparisonRow:
    """Compare and time advantages and returns of answers of different lengths.

    In float32: torchrl keeps gamma in float32 at any precision, so there both round it alike.
    """
    from finetune.ppo import baselines
    from gpt.baselines import library_version

    mask = torch.arange(n_tokens) < torch.randint(1, n_tokens + 1, (n_rows, 1))
    rewards, values = torch.randn(2, n_rows, n_tokens)
    ours = partial(gae, rewards, values, mask, 0.99, 0.95)
    theirs = partial(baselines.torchrl_gae, rewards, values, mask, 0.99, 0.95)
    pairs = zip(ours(), theirs(), strict=True)
    largest = max(max_abs_difference(a[mask], b[mask]) for a, b in pairs)
    name = f"PPO, GAE, {n_rows} answers of up to {n_tokens} tokens"
    seconds = time_interleaved(ours, theirs, 20)
    return ComparisonRow(name, library_version("torchrl"), largest, 0.0, *seconds)


def torchrl_rows(n_rows: int = 64, n_tokens: int = 128) -> list[ComparisonRow]:
    """Compare GAE, then both clipped losses, entropy and KL, for which torchrl gets no padding."""
    from finetune.ppo import baselines
    from gpt.baselines import library_version

    rows = [torchrl_gae_row(n_rows, n_tokens)]

    n_vocab, mask = 20, torch.arange(n_tokens) < torch.randint(1, n_tokens + 1, (n_rows, 1))
    logits = torch.randn(n_rows, n_tokens, n_vocab, dtype=torch.float64)
    tokens = torch.randint(0, n_vocab, (n_rows, n_tokens))
    logprobs = logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    advantages, values, returns = torch.randn(3, n_rows, n_tokens, dtype=torch.float64)
    old_logprobs, old_values = (each + 0.3 * torch.randn_like(each) for each in (logprobs, values))
    batch = (logits, tokens, old_logprobs, advantages, values, old_values, returns)
    theirs = baselines.torchrl_losses(
        baselines.TokenBatch(*(each[mask] for each in batch)), CLIP_EPSILON
    )
    ours = {
        "loss_objective": clipped_policy_loss(
            logprobs, old_logprobs, advantages, mask, CLIP_EPSILON
        ).loss,
        "loss_critic": clipped_value_loss(values, old_values, returns, mask, CLIP_EPSILON).loss,
        "entropy": masked_mean(entropy(logits.log_softmax(-1)), mask),
        "kl_approx": masked_mean(k1(old_logprobs, logprobs, mask), mask),
    }
    for name, value in ours.items():
        largest = max_abs_difference(value, theirs[name])
        version = library_version("torchrl")
        rows.append(ComparisonRow(f"PPO, {name}", version, largest, FLOAT64_TOLERANCE))
    return rows


def recorded_rows() -> list[ComparisonRow]:
    """Compare each piece on trl's own inputs (largest difference of all cases), and one update."""
    largest: dict[str, float] = {}
    for case in RECORDED_CASES:
        update = load_recorded_update(case)
        for name, ours, theirs in [*compare_rollout(update), *compare_steps(update)]:
            largest[name] = max(largest.get(name, 0.0), max_abs_difference(ours, theirs))
    version = f"trl {load_recording()['versions']['trl']}, recorded"
    rows = [
        ComparisonRow(f"PPO, {name}", version, value, RECORDED_TOLERANCE)
        for name, value in largest.items()
    ]
    return [*rows, whole_update_row()]


ComparedTensors = tuple[str, Tensor, Tensor]
"""Name of a piece, our values, recorded values."""


def compare_rollout(update: RecordedUpdate) -> Iterator[ComparedTensors]:
    """Recompute advantages and returns from log-probabilities, scores and values."""
    theirs, settings, answers = update.rollout, update.settings, update.answer_mask
    kind, rewarded = settings["kl_estimator"], update.reward_mask
    kl = {"k1": k1, "k3": k3}[kind](theirs["logprobs"], theirs["ref_logprobs"], answers)
    yield f"KL, {kind}", kl, theirs["kl"]
    rewards = token_rewards(kl, theirs["scores"], rewarded, settings["kl_coef"])
    if settings["whiten_rewards"]:  # a shift of the mean would add to the reward of every token
        scaled = whiten(rewards, rewarded) + masked_mean(rewards, rewarded)
        rewards = scaled.masked_fill(~rewarded, 0.0)
    yield "rewards", rewards, theirs["rewards"]
    raw, returns = gae(rewards, theirs["values"], rewarded, settings["gamma"], settings["lam"])
    yield "GAE", raw, theirs["raw_advantages"]
    yield "returns", returns, theirs["returns"]
    yield "whitened advantages", whiten(raw, answers), theirs["advantages"]


def compare_steps(update: RecordedUpdate) -> Iterator[ComparedTensors]:
    """Recompute the losses of every minibatch from the recorded model outputs."""
    for rows, step in zip(update.minibatches, update.steps, strict=True):
        old = {name: update.rollout[name][rows] for name in ("logprobs", "values", "returns")}
        advantages = update.rollout["advantages"][rows]
        answers, rewarded = update.answer_mask[rows], update.reward_mask[rows]
        logprobs, values = step["new_logprobs"], step["vpred"]
        policy = clipped_policy_loss(logprobs, old["logprobs"], advantages, answers)
        value = clipped_value_loss(values, old["values"], old["returns"], rewarded)
        yield "policy loss", policy.loss, step["pg_loss"]
        yield "value loss", value.loss, step["vf_loss"]
        # trl averages over padding as well
        approximate_kl = k2(logprobs, old["logprobs"], answers).mean()
        yield "approximate KL, k2", approximate_kl, step["approxkl"]
