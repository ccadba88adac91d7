"""The rows of the preference losses: ours and TRL's on the same weights and tokens.

Each loss is that of a whole batch, taken from the trainer's own loader and passed through both
models; the gradient is compared through all weights. KTO, ORPO and SimPO are timed, loss and
gradient together; the reference of KTO is asked beforehand on both sides.
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
    """What is asked for a loss on our side."""

    model: Policy
    loss: LossFunction
    piece: Any


def preference_rows() -> list[ComparisonRow]:
    """All of them, in a few seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*dpo_loss_rows(folder), *kto_rows(folder), orpo_row(folder), simpo_row(folder)]


def dpo_loss_rows(folder: Path) -> list[ComparisonRow]:
    """The losses of two margins; the conservative one is CPO's, whose reference is even."""
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
        piece = with_reference_logprobs(
            baselines.completion_rows(batch), baselines.policy_copy(reference)
        )
        rows.append(
            loss_row(name, trainer, batch, LossInputs(baselines.policy_copy(policy), loss, piece))
        )
    conservative = preference_loss(partial(conservative_dpo_loss, smoothing=0.2), 0.3)
    options = {"loss_type": "sigmoid", "label_smoothing": 0.2, "cpo_alpha": 0.0, "beta": 0.3}
    trainer = baselines.cpo_trainer(policy, folder, SEED, **options)
    batch = baselines.first_batch(trainer)
    side = LossInputs(
        baselines.policy_copy(policy),
        conservative,
        with_uniform_reference(baselines.chosen_rejected_rows(batch)),
    )
    return [*rows, loss_row("conservative DPO, even reference", trainer, batch, side)]


def kto_rows(folder: Path) -> list[ComparisonRow]:
    """Two models in both orders: in one of them the estimate of the KL is positive."""
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
        ours, asked = baselines.policy_copy(policy), baselines.policy_copy(reference)
        with torch.no_grad():
            sums, moved = (
                sequence_logprobs(asked, both).logprob,
                sequence_logprobs(ours, both).logprob,
            )
        kl = (moved - sums)[len(moved) // 2 :].mean().item()
        piece = LabelledBatch(both, sums, batch["label"])
        name = "KTO, positive KL" if kl > 0 else "KTO, KL raised to 0"
        note = f"the estimate is {kl:.3f}"
        rows.append(
            loss_row(name, trainer, batch, LossInputs(ours, KTOLoss(**options), piece), True, note)
        )
    return rows


def orpo_row(folder: Path) -> ComparisonRow:
    """The odds ratio, and fine-tuning on prompt and answer as TRL has it."""
    from finetune.dpo import baselines
    from gpt.baselines import small_model

    policy = small_model("llama")
    trainer = baselines.orpo_trainer(policy, folder, SEED, beta=0.3)
    batch = baselines.first_batch(trainer)
    loss = partial(orpo_loss_with_prompt, weight=0.3)
    side = LossInputs(
        baselines.policy_copy(policy),
        loss,
        with_uniform_reference(baselines.chosen_rejected_rows(batch)),
    )
    return loss_row("ORPO", trainer, batch, side, True, "both fine-tune on the prompt too")


def orpo_loss_with_prompt(model: Policy, piece: PairBatch, weight: float) -> LossSum:
    """ORPO with the first term of TRL: the mean over all tokens of the chosen rows."""
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
    """SimPO."""
    from finetune.dpo import baselines
    from gpt.baselines import small_model

    policy = small_model("llama")
    options = {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.5, "simpo_gamma": 1.4}
    trainer = baselines.cpo_trainer(policy, folder, SEED, **options)
    batch = baselines.first_batch(trainer)
    loss = reference_free_loss(partial(simpo_loss, beta=2.5, gamma=1.4))
    side = LossInputs(
        baselines.policy_copy(policy),
        loss,
        with_uniform_reference(baselines.chosen_rejected_rows(batch)),
    )
    return loss_row("SimPO", trainer, batch, side, True)


def with_reference_logprobs(rows: Rows, reference: Policy) -> PairBatch:
    """The rows with what our copy of the reference model says of them."""
    with torch.no_grad():
        return PairBatch(rows, sequence_logprobs(reference, rows).logprob)


def with_uniform_reference(rows: Rows) -> PairBatch:
    """The rows with no reference: each answer counts as likely as every other."""
    return PairBatch(rows, torch.zeros(len(rows.tokens)))


def loss_row(
    name: str,
    trainer: Any,
    batch: dict[str, Any],
    ours: LossInputs,
    timed: bool = False,
    note: str = "",
) -> ComparisonRow:
    """Loss and gradient of both, and the seconds they take."""
    from finetune.dpo import baselines
    from gpt.baselines import named_gradients

    def mine() -> Tensor:
        ours.model.zero_grad()
        total, terms = ours.loss(ours.model, ours.piece)
        (total / terms).backward()
        return total / terms

    def theirs() -> Tensor:
        trainer.model.zero_grad()
        loss = baselines.library_loss(trainer, batch)
        loss.backward()
        return loss

    apart = max_abs_difference(mine(), theirs())
    found, expected = named_gradients(ours.model), baselines.library_gradients(trainer, ours.model)
    largest = max(apart, max_abs_difference_by_name(found, expected))
    seconds = time_interleaved(mine, theirs, repeats=15) if timed else (None, None)
    what = f"{name}, loss and gradient"
    return ComparisonRow(
        what, baselines.trl_version(), largest, PREFERENCE_TOLERANCE, *seconds, note=note
    )
