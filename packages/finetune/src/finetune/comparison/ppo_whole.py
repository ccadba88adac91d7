"""One whole update of trl's PPO, recomputed with our functions in the order of `finetune.ppo.ppo`.

Only the inputs are taken from the recording: the answers, the order of the rows, and trl's settings
where our defaults differ (its AdamW adds 1e-5 to the root, and gradients are not clipped). In the
recorded case no answer ends early; in others trl adds the score one token later than we do, see
`ppo_recorded`.
"""

from typing import Any

import torch
from torch import tensor

from finetune.comparison.ppo_recorded import (
    RecordedUpdate,
    initial_policy,
    initial_scorer,
    load_recorded_update,
    load_recording,
)
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.advantages import gae
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.ppo import RolloutBatch, minibatch_loss
from finetune.ppo.rewards import penalise_missing_stop, token_rewards
from gpt.comparison.rows import ComparisonRow, max_abs_difference_by_name
from gpt.policy.kl import k1
from gpt.policy.rollouts import align_answers, aligned_answer_mask
from gpt.policy.rows import pad_examples, prompt_answer_example
from gpt.policy.statistics import whiten
from gpt.runs.state import TrainingState
from gpt.training.accumulation import GradientAccumulator
from gpt.training.loop import LoopConfig, update_weights
from gpt.training.optimizer import make_adamw

UPDATE_CASE = "whole"
UPDATE_TOLERANCE = 1e-5
NO_CLIP = 1e9


def whole_update_row() -> ComparisonRow:
    """Compare all weights of policy and critic after the update."""
    theirs = load_recorded_update(UPDATE_CASE)
    models = models_after_update(theirs)
    ours = {"policy": models.policy, "value": models.critic}
    largest = max(
        max_abs_difference_by_name(dict(ours[role].state_dict()), theirs.weights_after[role])
        for role in ours
    )
    name = f"PPO, whole update, weights after {len(theirs.steps)} steps"
    version = f"trl {load_recording()['versions']['trl']}, recorded"
    return ComparisonRow(name, version, largest, UPDATE_TOLERANCE)


def models_after_update(theirs: RecordedUpdate) -> ActorCritic:
    """Return policy and critic after our update on the recorded answers."""
    settings, n_rows = theirs.settings, len(theirs.answers)
    models = ActorCritic(initial_policy("policy"), initial_scorer("value"), settings["kl_coef"])
    batch = recorded_rollout(theirs, models)
    config = PPOHyperparameters(
        prompts_per_phase=n_rows,
        n_epochs=settings["num_ppo_epochs"],
        n_minibatches=settings["num_mini_batches"],
        clip_epsilon=settings["cliprange"],
        value_clip_epsilon=settings["cliprange_value"],
        value_coef=settings["vf_coef"],
    )
    loop = LoopConfig(
        steps=config.updates_per_phase,
        learning_rate=settings["learning_rate"],
        min_lr_ratio=1.0,
        warmup_ratio=0.0,
        max_grad_norm=NO_CLIP,
    )
    state = recorded_training_state(models, settings)
    for rows in theirs.minibatches:
        gradient = GradientAccumulator(models, state.scaler)
        for minibatch in gradient.micro_batches([batch.select_rows(rows)]):
            gradient.backward(minibatch_loss(models, minibatch, config))
        update_weights(state, gradient, loop)
        state.advance()
    return models


@torch.no_grad()
def recorded_rollout(theirs: RecordedUpdate, models: ActorCritic) -> RolloutBatch:
    """Score the recorded answers and compute their advantages, as `ppo` does."""
    stop, settings = load_recording()["model"]["stop"], theirs.settings
    pairs = zip(theirs.queries, theirs.answers, strict=True)
    rows = pad_examples([prompt_answer_example(*pair) for pair in pairs])
    stopped = tensor([answer[-1] == stop for answer in theirs.answers])
    mask = aligned_answer_mask(rows)
    reference, scorer = initial_policy("reference"), initial_scorer("reward")
    scores = scorer(rows.tokens, rows.lengths)
    outputs = *models(rows.tokens, rows.mask), reference(rows.tokens, rows.mask)
    logprobs, _, values, reference_logprobs = (
        align_answers(each, rows, mask.shape[1]) for each in outputs
    )
    kl = k1(logprobs, reference_logprobs, mask)
    final = penalise_missing_stop(scores, stopped, settings["missing_eos_penalty"])
    rewards = token_rewards(kl, final, mask, models.beta.item())
    advantages, returns = gae(rewards, values, mask, settings["gamma"], settings["lam"])
    return RolloutBatch(rows, mask, logprobs, values, whiten(advantages, mask), returns)


def recorded_training_state(models: ActorCritic, settings: dict[str, Any]) -> TrainingState:
    """Return the training state of our loop, with AdamW's epsilon from the recording."""
    betas = settings["adam_beta1"], settings["adam_beta2"]
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    optimizer = make_adamw([*models.parameters()], rate, betas, decay)
    for group in optimizer.param_groups:
        group["eps"] = settings["adam_epsilon"]
    return TrainingState(models, optimizer, torch.amp.GradScaler(enabled=False), ema=0.0)
