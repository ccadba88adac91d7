"""The rows of SFT, reward models and DPO: whole trainers of trl beside our loop."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from finetune.comparison.interleaved import Course, Side, contest
from finetune.conversations.rows import Example, Rows, answered, padded
from finetune.dpo.losses import dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import per_token
from finetune.dpo.pairs import Pair, PairBatch, stacked
from finetune.dpo.training import PairLoss, preference_loss, scored
from finetune.reward.loss import reward_loss
from finetune.reward.scorer import Scorer
from finetune.sft.loss import sft_loss
from finetune.sft.policy import Policy
from gpt.comparison.rows import Row
from gpt.training.loop import Record, train

BETA = 0.1
SMOOTHING = 0.2


def sft_rows(course: Course, floor: float) -> list[Row]:
    """Supervised fine-tuning; the loss is that of the answers alone."""
    from finetune import baselines

    library = baselines.llama(course.size)
    ours, pairs = baselines.our_policy(library), course.pairs(library.config.vocab_size)
    make = partial(baselines.sft_trainer, library, first_answers(pairs))
    sides = Side(ours, sft_loop(course, pairs, ours)), Side(library, make)
    return contest("SFT", course, *sides, floor)


def sft_loop(course: Course, pairs: list[Pair], policy: Policy) -> Iterator[Record]:
    """Ours, on the better answers."""
    examples = first_answers(pairs)

    def batches(step: int) -> list[Rows]:
        return [padded(course.of_step(examples, step))]

    return train(policy, batches, sft_loss, course.loop())


def first_answers(pairs: list[Pair]) -> list[Example]:
    """Each prompt with the better answer."""
    return [answered(pair.prompt, pair.chosen) for pair in pairs]


def reward_rows(course: Course, floor: float) -> list[Row]:
    """A reward model from pairs."""
    from finetune import baselines

    library = baselines.llama_scorer(course.size)
    ours, pairs = baselines.our_scorer(library), course.pairs(library.config.vocab_size)
    make = partial(baselines.reward_trainer, library, pairs)
    sides = Side(ours, reward_loop(course, pairs, ours)), Side(library, make)
    return contest("reward", course, *sides, floor)


def reward_loop(course: Course, pairs: list[Pair], scorer: Scorer) -> Iterator[Record]:
    """Ours."""

    def batches(step: int) -> list[Rows]:
        return [stacked(course.of_step(pairs, step))]

    return train(scorer, batches, reward_loss, course.loop())


def dpo_rows(course: Course, floor: float, kind: str = "sigmoid") -> list[Row]:
    """DPO; both sides ask the reference within the step, as trl does unless told otherwise."""
    from finetune import baselines

    models = baselines.llama(course.size), baselines.llama(course.size)
    library, reference = models
    ours, asked = (baselines.our_policy(each) for each in models)
    pairs, loss = course.pairs(library.config.vocab_size), dpo_losses()[kind]
    options = {"loss_type": kind, "beta": BETA, "label_smoothing": SMOOTHING}

    def make(settings: dict[str, Any]) -> Any:
        return baselines.dpo_trainer(library, reference, pairs, settings | options)

    sides = Side(ours, dpo_loop(course, pairs, ours, asked, loss)), Side(library, make)
    return contest(f"DPO, {kind}", course, *sides, floor)


def dpo_losses() -> dict[str, PairLoss]:
    """Ours, by trl's names; its IPO takes the margins of means per token."""
    robust = partial(robust_dpo_loss, smoothing=SMOOTHING)
    return {
        "sigmoid": preference_loss(dpo_loss, BETA),
        "ipo": preference_loss(ipo_loss, BETA, per_token),
        "robust": preference_loss(robust, BETA),
    }


def dpo_loop(
    course: Course, pairs: list[Pair], policy: Policy, reference: Policy, loss: PairLoss
) -> Iterator[Record]:
    """Ours; `finetune dpo` asks the reference once, before the first step, which is cheaper."""

    def batches(step: int) -> list[PairBatch]:
        rows = stacked(course.of_step(pairs, step))
        with torch.no_grad():
            return [PairBatch(rows, scored(reference, rows).logprob)]

    return train(policy, batches, loss, course.loop())
