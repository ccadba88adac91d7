"""trl's GRPO on given answers and rewards, and its distillation loss; needs the extra `baselines`.

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
    from transformers import LlamaConfig, PreTrainedModel
    from trl.experimental.gkd.gkd_trainer import GKDTrainer
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/reasoning[baselines]'"
    ) from error

import torch
from torch import Tensor

from gpt.baselines import library_model, without_future_warnings
from gpt.comparison.baselines import END_ID, id_tokenizer, spell_tokens, training_arguments

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


def generating_grpo_trainer(
    model: PreTrainedModel,
    prompts: list[list[int]],
    reward: Callable[..., Any],
    folder: Path,
    *,
    group_size: int,
    n_tokens: int,
    stop: int,
    accumulation: int,
    steps: int,
    rate: float,
) -> GRPOTrainer:
    """Build trl's trainer, which samples answers until the stop token or for `n_tokens` tokens."""
    trainer = build_grpo_trainer(
        model,
        prompts,
        reward,
        folder,
        steps=steps,
        rate=rate,
        batch_size=len(prompts) * group_size // steps // accumulation,
        gradient_accumulation_steps=accumulation,
        loss_type="grpo",
        num_generations=group_size,
        max_completion_length=n_tokens,
        generation_kwargs={"eos_token_id": stop if stop >= 0 else None},
    )
    trainer.eos_token_ids = [stop]  # where it cuts answers; otherwise at the end token, 0
    return trainer


def build_grpo_trainer(
    model: PreTrainedModel,
    prompts: list[list[int]],
    reward: Callable[..., Any],
    folder: Path,
    *,
    steps: int,
    batch_size: int,
    rate: float,
    rollout_func: Any = None,
    **options: Any,
) -> GRPOTrainer:
    """Build trl's trainer on prompts in their order; rewards get their ids as `tokens`."""
    arguments = training_arguments(folder, steps, batch_size, rate)
    rows = [{"prompt": spell_tokens(prompt), "tokens": prompt} for prompt in prompts]
    with without_future_warnings():
        return GRPOTrainer(
            model,
            reward_funcs=reward,
            args=GRPOConfig(**arguments, shuffle_dataset=False, **options),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=id_tokenizer(model.config.vocab_size),
            rollout_func=rollout_func,
        )


def grpo_loss(
    trainer: GRPOTrainer, old_logprobs: Tensor, reference_logprobs: Tensor, kl_coef: float
) -> Tensor:
    """Return trl's loss on the answers of its first phase, and leave its gradient in the model."""
    model: Any = trainer.model
    model.train()
    model.zero_grad()
    trainer.current_gradient_accumulation_steps = 1
    with without_future_warnings():
        batch = next(iter(trainer.get_train_dataloader()))
        # as in training, but the answers stay in their order
        inputs = dict(trainer._generate_and_score_completions(batch))
        inputs["old_per_token_logps"] = old_logprobs
        inputs["ref_per_token_logps"] = reference_logprobs
        trainer.beta = kl_coef  # as a setting it would load a reference from a folder
        loss = trainer.compute_loss(model, inputs)
    loss.backward()
    return loss.detach()


def small_llama(vocab_size: int) -> PreTrainedModel:
    """Make a Llama of two layers with few tokens, so that answers stop at different lengths."""
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=END_ID,
        eos_token_id=END_ID,
    )
    return library_model(config)


def generalised_jsd(
    student_logits: Tensor, teacher_logits: Tensor, mask: Tensor, temperature: float, beta: float
) -> Tensor:
    """Return the mean divergence of trl's GKDTrainer over the tokens of the mask."""
    labels = torch.zeros_like(mask, dtype=torch.long).masked_fill(~mask, -100)
    return GKDTrainer.generalized_jsd_loss(
        student_logits, teacher_logits, labels, beta, temperature
    )
