r"""Diagnosis of a run from its log: is it healthy, and if not, what is wrong?

The training losses are averaged over each tenth of the run, because those of single batches are
noisy. Two models that only count, scored on the validation tokens, are the references: a unigram
model ignores the context, and a bigram model sees one token of it (`evaluation.ngram`). The first
rule that holds decides:

- diverging: a loss is not finite; or the last tenth is 10 % and 0.1 nats above the lowest; or the
  loss exceeded 1.1 times its initial value and did not come back below the bigram's
- overfitting: the validation loss is 2 % above its lowest, and the training loss fell since
- stuck: the validation loss is not 2 % below the unigram's, and the training loss fell by less than
  2 % over the second half: the model does not use the context
- underfitting: the validation loss is not below the bigram's: counting pairs predicts as well
- healthy: none of these

Without validation losses, the training loss of the last tenth is compared instead. The 2 % and 10 %
are several times the noise of such means. `scripts/diagnosed_runs.py` trains runs with known
faults on several texts; chapter 14 tells how many the rules got right before they were corrected.
"""

import math
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from statistics import fmean
from typing import Any, Literal, NamedTuple

from gpt.errors import BadInput
from gpt.training.loop import StepRecord

Verdict = Literal["healthy", "stuck", "diverging", "overfitting", "underfitting"]
LOG_FIELDS = {field.name for field in fields(StepRecord)} | {"elapsed"}
N_PARTS = 10
RISE_OF_DIVERGING = 1.10  # last part of the training loss, relative to the lowest
LEAST_RISE = 0.1  # in nats: near zero, a loss that varies by 10 % is not diverging
EXPLOSION = 1.1  # largest loss relative to the first, ln V, which batches exceed by 1 % at most
LEAST_CHANGE = 0.02  # a smaller relative change of a mean or a validation loss counts as none


class Diagnosis(NamedTuple):
    """Verdict on a run, with the numbers behind it."""

    verdict: Verdict
    """Kind of the run."""
    reason: str
    """One sentence: the numbers that decided, and for a fault what to try."""


def diagnose(records: Sequence[dict[str, Any]], unigram: float, bigram: float) -> Diagnosis:
    """Say how a run went, by the rules above.

    Args:
        records: the log, as `RunFolder.read_log` returns it.
        unigram: the loss of a unigram model on the validation tokens, in nats per token.
        bigram: the loss of a bigram model.

    Raises:
        BadInput: the log is empty, or a record has missing or unknown fields.
    """
    check_log(records)
    losses = [float(record["loss"]) for record in records]
    validations = [
        (record["step"], float(record["validation"]))
        for record in records
        if record["validation"] is not None
    ]
    for step, loss in [(record["step"], record["loss"]) for record in records] + validations:
        if not math.isfinite(loss):
            reason = f"the loss is {loss} at step {step}; lower the learning rate"
            return Diagnosis("diverging", reason)
    parts = part_means(losses)
    # on the validation tokens, as the references are
    kind, final = ("validation", validations[-1][1]) if validations else ("training", parts[-1])
    return (
        find_divergence(losses, parts, bigram)
        or find_overfitting(records, validations)
        or judge_final_loss(kind, final, still_falls(parts), unigram, bigram)
    )


def part_means(losses: Sequence[float]) -> list[float]:
    """Return the mean of each tenth of the losses; of fewer than ten losses, each itself."""
    n_parts = min(N_PARTS, len(losses))
    edges = [len(losses) * part // n_parts for part in range(n_parts + 1)]
    return [fmean(losses[begin:end]) for begin, end in pairwise(edges)]


def find_divergence(
    losses: Sequence[float], parts: Sequence[float], bigram: float
) -> Diagnosis | None:
    """Find a training loss that rose, or exploded early and stayed high."""
    end, lowest, highest = parts[-1], min(parts), max(losses)
    if end > max(RISE_OF_DIVERGING * lowest, lowest + LEAST_RISE):
        reason = f"the training loss ended at {end:.3f}, after it had been down to {lowest:.3f}"
    elif highest > EXPLOSION * losses[0] and end >= bigram:
        reason = f"the training loss jumped from {losses[0]:.3f} to {highest:.3f} and ended at "
        reason += f"{end:.3f}, above the bigram loss of {bigram:.3f}"
    else:
        return None
    return Diagnosis("diverging", f"{reason}; lower the learning rate, or warm up for longer")


def find_overfitting(
    records: Sequence[dict[str, Any]], validations: Sequence[tuple[int, float]]
) -> Diagnosis | None:
    """Find a validation loss that rose from its lowest value while the training loss fell."""
    if not validations:
        return None
    (best_step, best), (_, last) = min(validations, key=lambda each: each[1]), validations[-1]
    until = [record["loss"] for record in records if record["step"] <= best_step]
    since = [record["loss"] for record in records if record["step"] > best_step]
    if last <= (1 + LEAST_CHANGE) * best or fmean(since) >= fmean(until):
        return None
    return Diagnosis(
        "overfitting",
        f"the validation loss rose from {best:.3f} at step {best_step} to {last:.3f}, while the "
        f"training loss fell to {part_means(since)[-1]:.3f}; use more text, a smaller model, "
        "dropout, or --patience",
    )


def judge_final_loss(
    kind: str, loss: float, falls: bool, unigram: float, bigram: float
) -> Diagnosis:
    """Compare the final loss with those of models that count; `falls` is of the training loss."""
    ended = f"the {kind} loss ended at {loss:.3f}"
    if loss < bigram:
        return Diagnosis("healthy", f"{ended}, below the bigram loss of {bigram:.3f}")
    if falls:
        return Diagnosis(
            "underfitting",
            f"{ended}, and counting pairs of tokens reaches {bigram:.3f}; the training loss has "
            "not settled, so train for longer",
        )
    if loss < (1 - LEAST_CHANGE) * unigram:
        return Diagnosis(
            "underfitting",
            f"{ended}, and counting pairs of tokens reaches {bigram:.3f}; the training loss no "
            "longer falls, so try a larger model or learning rate",
        )
    return Diagnosis(
        "stuck",
        f"{ended} and does not move, and a model that ignores the context reaches {unigram:.3f}; "
        "check that the targets follow the tokens, and try another learning rate",
    )


def still_falls(parts: Sequence[float]) -> bool:
    """Whether the last part is 2 % below the part in the middle; a short run counts as falling.

    The losses of fewer than ten steps say nothing about the direction.
    """
    return len(parts) < N_PARTS or parts[-1] < (1 - LEAST_CHANGE) * parts[(len(parts) - 1) // 2]


def check_log(records: Sequence[dict[str, Any]]) -> None:
    """Check that the records are those of a training loop.

    Raises:
        BadInput: there are none, or a field is unknown or missing.
    """
    if not records:
        raise BadInput("the log is empty: no step of the run was finished")
    required = ("step", "loss", "validation")
    for number, record in enumerate(records, start=1):
        if unknown := sorted(record.keys() - LOG_FIELDS):
            raise BadInput(
                f"record {number} of the log has the unknown field {unknown[0]!r}; "
                f"a diagnosis reads logs of gpt train, with {', '.join(sorted(LOG_FIELDS))}"
            )
        if missing := [name for name in required if name not in record]:
            raise BadInput(f"record {number} of the log lacks the field {missing[0]!r}")
