"""All detectors that apply before the first step, or to the log of a run, each group in one call.

for finding in preflight(examples, prompt_lengths, stop, context):
    print(finding.message)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from finetune.datasets.preference_report import preference_report
from finetune.datasets.preferences import Preference
from finetune.diagnosis import model_faults, pair_faults, row_faults, run_faults
from finetune.diagnosis.pitfalls import Finding
from gpt.errors import BadInput
from gpt.policy.rows import Example


def preflight(
    examples: Sequence[Example],
    prompt_lengths: Sequence[int],
    stop: int,
    context: int,
    training_questions: Sequence[str] = (),
    held_out_questions: Sequence[str] = (),
) -> list[Finding]:
    """Return the faults of training rows.

    Args:
        examples: the rows.
        prompt_lengths: tokens in the prompt of each row, as counted when the row was made.
        stop: the token that ends an answer.
        context: the longest row that the model accepts.
        training_questions: the questions of the rows as texts.
        held_out_questions: the questions of the test set.

    Raises:
        BadInput: there are no rows.
    """
    if not examples:
        raise BadInput("there are no rows to look at")
    return [
        *filter(
            None,
            [
                row_faults.empty_masks(examples),
                row_faults.shifted_mask(examples, prompt_lengths),
                row_faults.stop_not_trained(examples, stop),
                row_faults.truncated_rows(examples, context),
                row_faults.duplicated_rows(examples),
                row_faults.leaked_texts(training_questions, held_out_questions),
            ],
        )
    ]


def pair_preflight(pairs: Sequence[Preference]) -> list[Finding]:
    """Return the faults of preferences."""
    report = preference_report(pairs)
    return [
        *filter(
            None,
            [
                pair_faults.equal_answers(report),
                pair_faults.repeated_pairs(report),
                pair_faults.contradictory_pairs(report),
                pair_faults.length_bias(report),
                pair_faults.overlap_bias(report),
            ],
        )
    ]


def model_preflight(
    policy: nn.Module, reference: nn.Module, score: Callable[[], Tensor]
) -> list[Finding]:
    """Return the faults of a policy and its reference; `score` runs the policy on one batch."""
    return [
        *filter(
            None,
            [
                model_faults.few_trained_weights(policy),
                model_faults.reference_in_training_mode(reference),
                model_faults.reference_not_frozen(reference),
                model_faults.shared_weights(policy, reference),
                model_faults.noisy_scores(score),
            ],
        )
    ]


COLUMN_DETECTORS = {
    "grad_norm": run_faults.no_gradient,
    "entropy": run_faults.collapsed_entropy,
    "stopped": run_faults.never_stops,
}


def review_run(records: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return the faults that show in the log of a run: `log.jsonl`, one dictionary per line.

    Only columns that the log has are checked. With a KL column, as in PPO, the loss is not expected
    to fall and is not checked for growth.
    """
    losses, kls = column_values(records, "loss"), column_values(records, "kl")
    validated = [each for each in records if each.get("validation") is not None]
    checks = [run_faults.non_finite_values(losses)]
    if losses and not kls:
        checks.append(run_faults.growing_loss(losses))
    if validated:
        training, held_out = (column_values(validated, name) for name in ("loss", "validation"))
        checks.append(run_faults.overfitting(training, held_out))
    if len(kls) > 1:
        checks += [run_faults.exploding_kl(kls), run_faults.negative_kl(kls)]
    for name, detector in COLUMN_DETECTORS.items():
        if values := column_values(records, name):
            checks.append(detector(values))
    return [*filter(None, checks)]


def review_preference_run(records: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Review a run whose loss starts at ln 2, as in DPO or reward modelling."""
    losses = column_values(records, "loss")
    if not losses:
        return review_run(records)
    return [
        *review_run(records),
        *filter(None, [run_faults.first_loss_not_ln2(losses), run_faults.stuck_at_ln2(losses)]),
    ]


def column_values(records: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Read a column of the log, skipping records without it."""
    return [float(each[name]) for each in records if each.get(name) is not None]
