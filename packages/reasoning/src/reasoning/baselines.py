"""trl's GRPO on given answers and rewards, and generation in transformers; needs the extra `baselines`.

trl takes answers from a function of the user's (`rollout_func`) and rewards from another, so its
trainer runs unchanged on the numbers that ours gets.
"""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # else answers from a function warn

try:
    import datasets
    from transformers import PreTrainedModel
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/reasoning[baselines]'"
    ) from error

import torch
from torch import Tensor

from gpt.baselines import without_future_warnings
from gpt.comparison.baselines import id_tokenizer, spell_tokens, training_arguments

datasets.disable_progress_bars()
logging.getLogger("trl").setLevel(logging.ERROR)


class ScoredAnswers(NamedTuple):
    """Answers of one phase, each with its prompt and its reward; a group's answers are adjacent."""

    prompts: list[list[int]]
    """The prompt of each answer."""
    answers: list[list[int]]
    """Tokens of each answer, with its stop token if there is one."""
    rewards: list[float]


def grpo_trainer(
    model: PreTrainedModel,
    phases: Sequence[ScoredAnswers],
    group_size: int,
    folder: Path,
    *,
    accumulation: int = 1,
    steps: int = 1,
    rate: float = 1e-3,
    **options: Any,
) -> GRPOTrainer:
    """Build trl's trainer; its first phase gets the answers of the first phase, and so on.

    Args:
        model: trained in place.
        phases: answers and rewards; every phase has the same number of them.
        group_size: answers per prompt.
        folder: for files that the trainer may write.
        accumulation: micro-batches that a step's answers are split into.
        steps: optimizer steps.
        rate: learning rate of all steps.
        options: further settings of trl's GRPOConfig.
    """
    waiting = iter(phases)
    now = phases[0]

    def given_answers(prompts: list[str], _: GRPOTrainer) -> dict[str, Any]:
        nonlocal now
        now = next(waiting)
        assert prompts == [spell_tokens(prompt) for prompt in now.prompts]
        return {"prompt_ids": now.prompts, "completion_ids": now.answers, "logprobs": None}

    def given_rewards(**_: Any) -> list[float]:
        return now.rewards

    return build_grpo_trainer(
        model,
        [prompt for phase in phases for prompt in phase.prompts[::group_size]],
        given_rewards,
        folder,
        steps=steps,
        rate=rate,
        batch_size=len(now.prompts) // accumulation,
        rollout_func=given_answers,
        gradient_accumulation_steps=accumulation,
        num_generations=group_size,
        **options,
    )


def build_grpo_trainer(
    model: PreTrainedModel,
    prompts: list[list[int]],
    reward: Callable[..., list[float]],
    folder: Path,
    *,
    steps: int,
    batch_size: int,
    rate: float,
    rollout_func: Any = None,
    **options: Any,
) -> GRPOTrainer:
    """Build trl's trainer on prompts in their order, each of them once."""
    arguments = training_arguments(folder, steps, batch_size, rate)
    config = GRPOConfig(**{**arguments, "shuffle_dataset": False, **options})
    with without_future_warnings():
        return GRPOTrainer(
            model,
            reward_funcs=reward,
            args=config,
            train_dataset=datasets.Dataset.from_dict({"prompt": list(map(spell_tokens, prompts))}),
            processing_class=id_tokenizer(model.config.vocab_size),
            rollout_func=rollout_func,
        )


def grpo_inputs(trainer: GRPOTrainer) -> dict[str, Any]:
    """Return the inputs of the trainer's loss for all answers of its first phase, in their order."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    batch = next(iter(trainer.get_train_dataloader()))
    return dict(trainer._generate_and_score_completions(batch))


def grpo_loss_and_gradient(
    trainer: GRPOTrainer, inputs: dict[str, Any], old_logprobs: Tensor
) -> Tensor:
    """Return trl's loss and leave its gradient in the model."""
    trainer.model.zero_grad()
    with without_future_warnings():
        loss = trainer.compute_loss(
            trainer.model, inputs | {"old_per_token_logps": old_logprobs}
        )
    loss.backward()
    return loss.detach()
