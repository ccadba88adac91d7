"""Rows of the preference losses: ours and trl's on the same weights and tokens.

The loss is that of a whole batch from the trainer's own loader, run through both models, and the
gradients of all weights are compared. KTO, ORPO and SimPO are timed, loss and gradient together;
both sides run KTO's reference model beforehand.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from finetune.dpo.losses import conservative_dpo_loss, dpo_loss, ipo_loss, robust_dpo_loss
from finetune.dpo.margins import (
    Reduction,
    answer_logprob,
    margin,
    mean_logprob,
    split_chosen_rejected,
    sum_logprob,
)
from finetune.dpo.reference_free import odds_ratio_loss, simpo_loss
from finetune.dpo.training import MarginLoss, sequence_logprobs
from finetune.dpo.unpaired import KTOHyperparameters, LabelledBatch, kto_batch_loss
from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.policy.policy import Policy
from gpt.policy.rows import Rows
from gpt.pretrained.weights import weights_from_transformers

PREFERENCE_TOLERANCE = 1e-5
SEED = 0


class PolicyLoss(NamedTuple):
    """A policy, and the function that computes its mean loss on a fixed batch."""

    model: Policy
    loss: Callable[[Policy], Tensor]


def preference_rows() -> list[ComparisonRow]:
    """Compare all preference losses, in a few seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*dpo_loss_rows(folder), *kto_rows(folder), orpo_row(folder), simpo_row(folder)]


def dpo_loss_rows(folder: Path) -> list[ComparisonRow]:
    """Compare losses of two margins; CPO's conservative DPO has a uniform reference."""
    from finetune.dpo import baselines
    from gpt.baselines import small_model
    from gpt.comparison.baselines import our_policy

    policy, reference = small_model("llama"), small_model("llama")
    robust = partial(robust_dpo_loss, smoothing=0.2)
    kinds: dict[str, tuple[MarginLoss, Reduction, dict[str, Any]]] = {
        "DPO": (dpo_loss, sum_logprob, {"loss_type": "sigmoid"}),
        "IPO": (ipo_loss, mean_logprob, {"loss_type": "ipo"}),
        "robust DPO": (robust, sum_logprob, {"loss_type": "robust", "label_smoothing": 0.2}),
    }
    rows = []
    for name, (loss, reduction, options) in kinds.items():
        trainer = baselines.text_dpo_trainer(policy, reference, folder, SEED, beta=0.3, **options)
        batch = baselines.first_batch(trainer)
        ours = margin_loss(
            partial(loss, beta=0.3),
            baselines.completion_rows(batch),
            our_policy(reference),
            reduction,
        )
        side = PolicyLoss(our_policy(policy), ours)
        rows.append(loss_row(name, trainer, batch, side))
    options = {"loss_type": "sigmoid", "label_smoothing": 0.2, "cpo_alpha": 0.0, "beta": 0.3}
    trainer = baselines.cpo_trainer(policy, folder, SEED, **options)
    batch = baselines.first_batch(trainer)
    conservative = partial(conservative_dpo_loss, beta=0.3, smoothing=0.2)
    ours = margin_loss(conservative, baselines.chosen_rejected_rows(batch), None)
    side = PolicyLoss(our_policy(policy), ours)
    return [*rows, loss_row("conservative DPO, even reference", trainer, batch, side)]


def kto_rows(folder: Path) -> list[ComparisonRow]:
    """Compare KTO with two models in both orders: in one of them the KL estimate is positive."""
    from finetune.dpo import baselines
    from gpt.baselines import small_model
    from gpt.comparison.baselines import our_policy

    models, rows = (small_model("llama"), small_model("llama")), []
    for policy, reference in (models, models[::-1]):
        options = {"beta": 0.3, "desirable_weight": 0.8, "undesirable_weight": 1.5}
        trainer = baselines.kto_trainer(
            policy, reference, folder, SEED, precompute_ref_log_probs=True, **options
        )
        batch = baselines.first_batch(trainer)
        labelled = LabelledBatch(
            baselines.completion_rows(batch),
            baselines.completion_rows(batch, "KL_"),
            batch["label"],
        )
        ours, kto = our_policy(policy), KTOHyperparameters(**options)
        with torch.no_grad():
            matched, mismatched = (
                sequence_logprobs(our_policy(reference), each) for each in labelled[:2]
            )
            kl = (sequence_logprobs(ours, labelled.mismatched) - mismatched).mean().item()
        loss = partial(mean_kto_loss, inputs=(labelled, matched, mismatched, kto))
        name = "KTO, positive KL" if kl > 0 else "KTO, KL raised to 0"
        note = f"the estimate is {kl:.3f}"
        rows.append(loss_row(name, trainer, batch, PolicyLoss(ours, loss), True, note))
    return rows


def mean_kto_loss(model: Policy, inputs: tuple[Any, ...]) -> Tensor:
    """Mean of our KTO loss over a batch."""
    total, terms = kto_batch_loss(model, *inputs)
    return total / terms


def orpo_row(folder: Path) -> ComparisonRow:
    """Compare ORPO: the odds ratio, plus fine-tuning on prompt and answer as in trl."""
    from finetune.dpo import baselines
    from gpt.baselines import small_model
    from gpt.comparison.baselines import our_policy

    policy = small_model("llama")
    trainer = baselines.orpo_trainer(policy, folder, SEED, beta=0.3)
    batch = baselines.first_batch(trainer)
    rows = baselines.chosen_rejected_rows(batch)
    loss = partial(orpo_loss_with_prompt, rows=rows, weight=0.3)
    side = PolicyLoss(our_policy(policy), loss)
    return loss_row("ORPO", trainer, batch, side, True, "both fine-tune on the prompt too")


def orpo_loss_with_prompt(model: Policy, rows: Rows, weight: float) -> Tensor:
    """ORPO with the first term of TRL: the mean over all tokens of the chosen rows."""
    real = torch.arange(rows.tokens.shape[1]) < rows.lengths[:, None]
    logprobs, n_pairs = model(rows.tokens, real), len(rows.tokens) // 2
    nll = -logprobs[:n_pairs].sum() / real[:n_pairs, 1:].sum()
    kept = rows.mask[:, 1:]
    means = mean_logprob(answer_logprob(logprobs, kept), kept.sum(dim=-1))
    return nll + weight * odds_ratio_loss(*split_chosen_rejected(means))


def simpo_row(folder: Path) -> ComparisonRow:
    """Compare SimPO, a loss without a reference."""
    from finetune.dpo import baselines
    from gpt.baselines import small_model
    from gpt.comparison.baselines import our_policy

    policy = small_model("llama")
    options = {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.5, "simpo_gamma": 1.4}
    trainer = baselines.cpo_trainer(policy, folder, SEED, **options)
    batch = baselines.first_batch(trainer)
    rows = baselines.chosen_rejected_rows(batch)

    def loss(model: Policy) -> Tensor:
        means = mean_logprob(sequence_logprobs(model, rows), rows.mask[:, 1:].sum(dim=-1))
        return simpo_loss(*split_chosen_rejected(means), beta=2.5, gamma=1.4)

    side = PolicyLoss(our_policy(policy), loss)
    return loss_row("SimPO", trainer, batch, side, True)


def margin_loss(
    loss: Callable[..., Tensor],
    rows: Rows,
    reference: Policy | None,
    reduction: Reduction = sum_logprob,
) -> Callable[[Policy], Tensor]:
    """Return the loss of a policy on a batch of pairs; without a reference its margins are 0."""
    n_tokens = rows.mask[:, 1:].sum(dim=-1)
    reference_logprobs = torch.zeros(len(rows.tokens))
    if reference is not None:
        with torch.no_grad():
            reference_logprobs = sequence_logprobs(reference, rows)

    def policy_loss(model: Policy) -> Tensor:
        logprobs = sequence_logprobs(model, rows)
        return loss(*(margin(reduction(each, n_tokens)) for each in (logprobs, reference_logprobs)))

    return policy_loss


def loss_row(
    name: str,
    trainer: Any,
    batch: dict[str, Any],
    ours: PolicyLoss,
    timed: bool = False,
    note: str = "",
) -> ComparisonRow:
    """Compare loss and gradient of both sides, and time them if asked to."""
    from gpt.baselines import library_version, named_gradients, without_future_warnings

    def mine() -> Tensor:
        ours.model.zero_grad()
        loss = ours.loss(ours.model)
        loss.backward()
        return loss

    def theirs() -> Tensor:
        trainer.model.zero_grad()
        with without_future_warnings():
            loss = trainer.compute_loss(trainer.model, dict(batch))
        loss.backward()
        return loss

    loss_difference = max_abs_difference(mine(), theirs())
    expected = weights_from_transformers(named_gradients(trainer.model), ours.model.config)
    found = max_abs_difference_by_name(named_gradients(ours.model), expected)
    largest = max(loss_difference, found)
    seconds = time_interleaved(mine, theirs, repeats=15) if timed else (None, None)
    what, version = f"{name}, loss and gradient", library_version("trl")
    return ComparisonRow(what, version, largest, PREFERENCE_TOLERANCE, *seconds, note=note)
