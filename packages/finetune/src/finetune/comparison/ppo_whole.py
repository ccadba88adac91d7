"""A complete PPO update recorded from trl, repeated by our code: scoring, then optimizer steps.

Only inputs come from the recording: the answers, the order of the rows, and trl's settings where
our defaults differ (its AdamW has an epsilon of 1e-5, and gradients are not clipped). In this case
no answer ends early; in the others trl gives the score one token later, see `ppo_recorded`.
"""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, tensor

from finetune.comparison.ppo_recorded import (
    RecordedUpdate,
    initial_policy,
    initial_scorer,
    load_recorded_update,
    load_recording,
    recorded_library,
)
from finetune.conversations.rows import pad_examples, prompt_answer_example
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.phases import RolloutBatch, score_rollout
from finetune.ppo.ppo import PPOConfig, minibatch_loss
from finetune.ppo.rollouts import Rollout
from gpt.comparison.rows import ComparisonRow, max_abs_difference_by_name
from gpt.runs.state import TrainingState
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
    return ComparisonRow(name, recorded_library(), largest, UPDATE_TOLERANCE)


def models_after_update(theirs: RecordedUpdate) -> ActorCritic:
    """Return policy and critic after our update on the recorded answers."""
    settings, n_rows = theirs.settings, len(theirs.answers)
    models = ActorCritic(initial_policy("policy"), initial_scorer("value"), settings["kl_coef"])
    learned = recorded_rollout(theirs, models)
    config = PPOConfig(
        prompts=n_rows,
        epochs=settings["num_ppo_epochs"],
        minibatches=settings["num_mini_batches"],
        epsilon=settings["cliprange"],
        value_epsilon=settings["cliprange_value"],
        value_weight=settings["vf_coef"],
    )
    loop = LoopConfig(
        steps=config.updates,
        learning_rate=settings["learning_rate"],
        final_rate=1.0,
        warmup=0.0,
        clip=NO_CLIP,
    )
    state = recorded_training_state(models, settings)
    for rows in theirs.minibatches:
        update_weights(
            models, state, [learned.pick(rows)], partial(minibatch_loss, config=config), loop
        )
        state.advance()
    return models


def recorded_rollout(theirs: RecordedUpdate, models: ActorCritic) -> RolloutBatch:
    """Score the recorded answers with our code."""
    pairs = zip(theirs.queries, theirs.answers, strict=True)
    stop, settings = load_recording()["model"]["stop"], theirs.settings
    rollout = Rollout(
        pad_examples([prompt_answer_example(*pair) for pair in pairs]),
        tensor([answer[-1] == stop for answer in theirs.answers]),
    )
    reference, judge = initial_policy("reference"), initial_scorer("reward")

    def score(made: Rollout) -> Float[Tensor, " B"]:
        return judge(made.rows.tokens, made.rows.lengths)

    penalty, gamma, lam = (settings[name] for name in ("missing_eos_penalty", "gamma", "lam"))
    before = torch.no_grad()(lambda rows: reference(rows.tokens, rows.mask))
    return score_rollout(models, before, score, rollout, penalty, gamma, lam)[0]


def recorded_training_state(models: ActorCritic, settings: dict[str, Any]) -> TrainingState:
    """Return the training state of our loop, with AdamW's epsilon from the recording."""
    betas = settings["adam_beta1"], settings["adam_beta2"]
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    optimizer = make_adamw([*models.parameters()], rate, betas, decay)
    for group in optimizer.param_groups:
        group["eps"] = settings["adam_epsilon"]
    return TrainingState(models, optimizer, torch.amp.GradScaler(enabled=False), ema=0.0)
