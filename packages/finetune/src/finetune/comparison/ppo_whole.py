"""One whole update of trl's PPO by our own: the lesson of a rollout, then the steps of our loop.

Nothing is taken from the recording but what went in: the answers, the order of the rows, and trl's
settings where ours have other defaults (its AdamW adds 1e-5 to the root, and gradients are not
clipped). The case is the one in which no answer ends early; in the others trl pays the score one
token later than ours, see `ppo_recorded`.
"""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, tensor

from finetune.comparison.ppo_recorded import (
    Update,
    content,
    library,
    recorded,
    stated_policy,
    stated_scorer,
)
from finetune.conversations.rows import answered, padded
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.phases import Lesson, lesson
from finetune.ppo.ppo import PPOConfig, update_loss
from finetune.ppo.rollouts import Rollout
from gpt.comparison.rows import Row, differences
from gpt.runs.state import TrainingState
from gpt.training.loop import LoopConfig, update
from gpt.training.optimizer import adamw

CASE = "whole"
TOLERANCE = 1e-5
NO_CLIP = 1e9


def whole_row() -> Row:
    """The largest difference of any weight of policy or critic after the update."""
    theirs = recorded(CASE)
    models = models_after(theirs)
    ours = {"policy": models.policy, "value": models.critic}
    largest = max(differences(dict(ours[role].state_dict()), theirs.after[role]) for role in ours)
    name = f"PPO, whole update, weights after {len(theirs.steps)} steps"
    return Row(name, library(), largest, TOLERANCE)


def models_after(theirs: Update) -> ActorCritic:
    """Policy and critic after our update from the recorded answers."""
    settings, n_rows = theirs.settings, len(theirs.answers)
    models = ActorCritic(stated_policy("policy"), stated_scorer("value"), settings["kl_coef"])
    learned = lesson_of(theirs, models)
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
    state = state_of(models, settings)
    for rows in theirs.minibatches:
        update(models, state, [learned.pick(rows)], partial(update_loss, config=config), loop)
        state.advance()
    return models


def lesson_of(theirs: Update, models: ActorCritic) -> Lesson:
    """What our phase makes of the answers."""
    pairs = zip(theirs.queries, theirs.answers, strict=True)
    stop, settings = content()["model"]["stop"], theirs.settings
    rollout = Rollout(
        padded([answered(*pair) for pair in pairs]),
        tensor([answer[-1] == stop for answer in theirs.answers]),
    )
    reference, judge = stated_policy("reference"), stated_scorer("reward")

    def score(made: Rollout) -> Float[Tensor, " B"]:
        return judge(made.rows.tokens, made.rows.lengths)

    penalty, gamma, lam = (settings[name] for name in ("missing_eos_penalty", "gamma", "lam"))
    before = torch.no_grad()(lambda rows: reference(rows.tokens, rows.mask))
    return lesson(models, before, score, rollout, penalty, gamma, lam)[0]


def state_of(models: ActorCritic, settings: dict[str, Any]) -> TrainingState:
    """The models with the optimizer of the loop, but for its epsilon."""
    betas = settings["adam_beta1"], settings["adam_beta2"]
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    optimizer = adamw([*models.parameters()], rate, betas, decay)
    for group in optimizer.param_groups:
        group["eps"] = settings["adam_epsilon"]
    return TrainingState(models, optimizer, torch.amp.GradScaler(enabled=False), ema=0.0)
