"""The rows of SFT, reward models and DPO: whole trainers of trl beside our loop."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from finetune.comparison.interleaved import Benchmark, BenchmarkedTrainer, benchmark_rows
from finetune.conversations.rows import Example, Rows, pad_examples, prompt_answer_example
from finetune.dpo.losses import dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import Reduction, mean_logprob, sum_logprob
from finetune.dpo.pairs import TokenPair, pair_rows
from finetune.dpo.training import MarginLoss, train_dpo
from finetune.reward.scorer import Scorer
from finetune.reward.training import train_reward_model
from finetune.sft.policy import Policy
from finetune.sft.training import train_sft
from gpt.comparison.rows import ComparisonRow
from gpt.training.loop import StepRecord

COMPARED_BETA = 0.1
LABEL_SMOOTHING = 0.2


def sft_trainer_rows(course: Benchmark, floor: float) -> list[ComparisonRow]:
    """Supervised fine-tuning; the loss is that of the answers alone."""
    from finetune import baselines

    library = baselines.llama_model(course.size)
    ours, pairs = baselines.our_policy(library), course.pairs(library.config.vocab_size)
    make = partial(baselines.sft_trainer, library, chosen_examples(pairs))
    sides = (
        BenchmarkedTrainer(ours, sft_loop(course, pairs, ours)),
        BenchmarkedTrainer(library, make),
    )
    return benchmark_rows("SFT", course, *sides, floor)


def sft_loop(course: Benchmark, pairs: list[TokenPair], policy: Policy) -> Iterator[StepRecord]:
    """Ours, on the better answers."""
    examples = chosen_examples(pairs)

    def batches(step: int) -> list[Rows]:
        return [pad_examples(course.of_step(examples, step))]

    return train_sft(policy, batches, course.loop())


def chosen_examples(pairs: list[TokenPair]) -> list[Example]:
    """Each prompt with the better answer."""
    return [prompt_answer_example(pair.prompt, pair.chosen) for pair in pairs]


def reward_trainer_rows(course: Benchmark, floor: float) -> list[ComparisonRow]:
    """A reward model from pairs."""
    from finetune import baselines

    library = baselines.llama_reward_model(course.size)
    ours, pairs = baselines.our_scorer(library), course.pairs(library.config.vocab_size)
    make = partial(baselines.reward_trainer, library, pairs)
    sides = (
        BenchmarkedTrainer(ours, reward_loop(course, pairs, ours)),
        BenchmarkedTrainer(library, make),
    )
    return benchmark_rows("reward", course, *sides, floor)


def reward_loop(course: Benchmark, pairs: list[TokenPair], scorer: Scorer) -> Iterator[StepRecord]:
    """Ours."""

    def batches(step: int) -> list[Rows]:
        return [pair_rows(course.of_step(pairs, step))]

    return train_reward_model(scorer, batches, course.loop())


def dpo_trainer_rows(course: Benchmark, floor: float, kind: str = "sigmoid") -> list[ComparisonRow]:
    """DPO; both sides score the reference within the step, as trl does by default."""
    from finetune import baselines

    models = baselines.llama_model(course.size), baselines.llama_model(course.size)
    library, reference = models
    ours, asked = (baselines.our_policy(each) for each in models)
    pairs, loss = course.pairs(library.config.vocab_size), dpo_losses()[kind]
    options = {"loss_type": kind, "beta": COMPARED_BETA, "label_smoothing": LABEL_SMOOTHING}

    def make(settings: dict[str, Any]) -> Any:
        return baselines.dpo_trainer(library, reference, pairs, settings | options)

    sides = (
        BenchmarkedTrainer(ours, dpo_loop(course, pairs, ours, asked, loss)),
        BenchmarkedTrainer(library, make),
    )
    return benchmark_rows(f"DPO, {kind}", course, *sides, floor)


def dpo_losses() -> dict[str, tuple[MarginLoss, Reduction]]:
    """Our losses by trl's names; its IPO uses margins of means per token."""
    robust = partial(robust_dpo_loss, smoothing=LABEL_SMOOTHING)
    return {
        "sigmoid": (dpo_loss, sum_logprob),
        "ipo": (ipo_loss, mean_logprob),
        "robust": (robust, sum_logprob),
    }


def dpo_loop(
    course: Benchmark,
    pairs: list[TokenPair],
    policy: Policy,
    reference: Policy,
    loss: tuple[MarginLoss, Reduction],
) -> Iterator[StepRecord]:
    """Our DPO on the pairs of a benchmark."""

    def batches(step: int) -> list[Rows]:
        return [pair_rows(course.of_step(pairs, step))]

    objective = loss[0], COMPARED_BETA, loss[1]
    return train_dpo(policy, reference, batches, course.loop(), *objective)
