"""Rows of the preference losses: ours and trl's on the same weights and tokens.

The loss is that of a whole batch from the trainer's own loader, run through both models, and the
gradients of all weights are compared. KTO, ORPO and SimPO are timed, loss and gradient together;
both sides run KTO's reference model beforehand.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from finetune.conversations.rows import Rows
from finetune.dpo.losses import conservative_dpo_loss, dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import answer_logprob, mean_logprob, split_chosen_rejected
from finetune.dpo.pairs import PairBatch
from finetune.dpo.reference_free import odds_ratio_loss, simpo_loss
from finetune.dpo.training import (
    PairLoss,
    preference_loss,
    reference_free_loss,
    sequence_logprobs,
)
from finetune.dpo.unpaired import KTOLoss, LabelledBatch
from finetune.sft.policy import Policy
from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.training.accumulation import LossFunction, LossSum

PREFERENCE_TOLERANCE = 1e-5
SEED = 0


class LossInputs(NamedTuple):
    """Our model, loss and batch."""

    model: Policy
    loss: LossFunction
    batch: PairBatch | LabelledBatch


def preference_rows() -> list[ComparisonRow]:
    """Compare all preference losses, in a few seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*dpo_loss_rows(folder), *kto_rows(folder), orpo_row(folder), simpo_row(folder)]


def dpo_loss_rows(folder: Path) -> list[ComparisonRow]:
    """Compare losses of two margins; CPO's conservative DPO has a uniform reference."""
    from finetune.baselines import our_policy
    from finetune.dpo import baselines
    from gpt.baselines import small_model

    policy, reference = small_model("llama"), small_model("llama")
    robust = partial(robust_dpo_loss, smoothing=0.2)
    kinds: dict[str, tuple[PairLoss, dict[str, Any]]] = {
        "DPO": (preference_loss(dpo_loss, 0.3), {"loss_type": "sigmoid"}),
        "IPO": (preference_loss(ipo_loss, 0.3, mean_logprob), {"loss_type": "ipo"}),
        "robust DPO": (
            preference_loss(robust, 0.3),
            {"loss_type": "robust", "label_smoothing": 0.2},
        ),
    }
    rows = []
    for name, (loss, options) in kinds.items():
        trainer = baselines.text_dpo_trainer(policy, reference, folder, SEED, beta=0.3, **options)
        batch = baselines.first_batch(trainer)
        pairs = with_reference_logprobs(baselines.completion_rows(batch), our_policy(reference))
        rows.append(loss_row(name, trainer, batch, LossInputs(our_policy(policy), loss, pairs)))
    conservative = preference_loss(partial(conservative_dpo_loss, smoothing=0.2), 0.3)
    options = {"loss_type": "sigmoid", "label_smoothing": 0.2, "cpo_alpha": 0.0, "beta": 0.3}
    trainer = baselines.cpo_trainer(policy, folder, SEED, **options)
    batch = baselines.first_batch(trainer)
    pairs = with_uniform_reference(baselines.chosen_rejected_rows(batch))
    ours = LossInputs(our_policy(policy), conservative, pairs)
    return [*rows, loss_row("conservative DPO, even reference", trainer, batch, ours)]


def kto_rows(folder: Path) -> list[ComparisonRow]:
    """Compare KTO with two models in both orders: in one of them the KL estimate is positive."""
    from finetune.baselines import our_policy
    from finetune.dpo import baselines
    from gpt.baselines import small_model

    models, rows = (small_model("llama"), small_model("llama")), []
    for policy, reference in (models, models[::-1]):
        options = {"beta": 0.3, "desirable_weight": 0.8, "undesirable_weight": 1.5}
        trainer = baselines.kto_trainer(
            policy, reference, folder, SEED, precompute_ref_log_probs=True, **options
        )
        batch = baselines.first_batch(trainer)
        both = baselines.stack_rows(
            baselines.completion_rows(batch), baselines.completion_rows(batch, "KL_")
        )
        ours, our_reference = our_policy(policy), our_policy(reference)
        with torch.no_grad():
            reference_sums, sums = (
                sequence_logprobs(each, both).logprob for each in (our_reference, ours)
            )
        kl = (sums - reference_sums)[len(sums) // 2 :].mean().item()
        labelled = LabelledBatch(both, reference_sums, batch["label"])
        name = "KTO, positive KL" if kl > 0 else "KTO, KL raised to 0"
        note = f"the estimate is {kl:.3f}"
        inputs = LossInputs(ours, KTOLoss(**options), labelled)
        rows.append(loss_row(name, trainer, batch, inputs, True, note))
    return rows


def orpo_row(folder: Path) -> ComparisonRow:
    """Compare ORPO: the odds ratio, plus fine-tuning on prompt and answer as in trl."""
    from finetune.baselines import our_policy
    from finetune.dpo import baselines
    from gpt.baselines import small_model

    policy = small_model("llama")
    trainer = baselines.orpo_trainer(policy, folder, SEED, beta=0.3)
    batch = baselines.first_batch(trainer)
    loss = partial(orpo_loss_with_prompt, weight=0.3)
    pairs = with_uniform_reference(baselines.chosen_rejected_rows(batch))
    ours = LossInputs(our_policy(policy), loss, pairs)
    return loss_row("ORPO", trainer, batch, ours, True, "both fine-tune on the prompt too")


def orpo_loss_with_prompt(model: Policy, piece: PairBatch, weight: float) -> LossSum:
    """Compute ORPO with trl's first term: the mean loss over all tokens of the chosen rows."""
    rows = piece.rows
    real = torch.arange(rows.tokens.shape[1]) < rows.lengths[:, None]
    logprobs, n_pairs = model(rows.tokens, real), len(rows.tokens) // 2
    nll = -logprobs[:n_pairs].sum() / real[:n_pairs, 1:].sum()
    kept = rows.mask[:, 1:]
    means = mean_logprob(answer_logprob(logprobs, kept), kept.sum(dim=-1))
    return LossSum(
        n_pairs * (nll + weight * odds_ratio_loss(*split_chosen_rejected(means))), n_pairs
    )


def simpo_row(folder: Path) -> ComparisonRow:
    """Compare SimPO, a loss without a reference."""
    from finetune.baselines import our_policy
    from finetune.dpo import baselines
    from gpt.baselines import small_model

    policy = small_model("llama")
    options = {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.5, "simpo_gamma": 1.4}
    trainer = baselines.cpo_trainer(policy, folder, SEED, **options)
    batch = baselines.first_batch(trainer)
    loss = reference_free_loss(partial(simpo_loss, beta=2.5, gamma=1.4))
    pairs = with_uniform_reference(baselines.chosen_rejected_rows(batch))
    ours = LossInputs(our_policy(policy), loss, pairs)
    return loss_row("SimPO", trainer, batch, ours, True)


def with_reference_logprobs(rows: Rows, reference: Policy) -> PairBatch:
    """Add the reference model's log-probabilities to the rows."""
    with torch.no_grad():
        return PairBatch(rows, sequence_logprobs(reference, rows).logprob)


def with_uniform_reference(rows: Rows) -> PairBatch:
    """Add a reference to which all answers are equally likely."""
    return PairBatch(rows, torch.zeros(len(rows.tokens)))


def loss_row(
    name: str,
    trainer: Any,
    batch: dict[str, Any],
    ours: LossInputs,
    timed: bool = False,
    note: str = "",
) -> ComparisonRow:
    """Compare loss and gradient of both sides, and time them if asked to."""
    from finetune.dpo import baselines
    from gpt.baselines import library_version, named_gradients

    def mine() -> Tensor:
        ours.model.zero_grad()
        total, terms = ours.loss(ours.model, ours.batch)
        (total / terms).backward()
        return total / terms

    def theirs() -> Tensor:
        trainer.model.zero_grad()
        loss = baselines.library_loss(trainer, batch)
        loss.backward()
        return loss

    loss_difference = max_abs_difference(mine(), theirs())
    found, expected = named_gradients(ours.model), baselines.library_gradients(trainer, ours.model)
    largest = max(loss_difference, max_abs_difference_by_name(found, expected))
    seconds = time_interleaved(mine, theirs, repeats=15) if timed else (None, None)
    what, version = f"{name}, loss and gradient", library_version("trl")
    return ComparisonRow(what, version, largest, PREFERENCE_TOLERANCE, *seconds, note=note)
