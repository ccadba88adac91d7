"""What can be asked before the first step, and what can be asked of a run, each in one call.

for finding in preflight(examples, prompt_lengths, stop, context):
    print(finding.message)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from finetune.conversations.rows import Example
from finetune.datasets.preference_report import preference_report
from finetune.datasets.preferences import Preference
from finetune.diagnosis import model_faults, pair_faults, row_faults, run_faults
from finetune.diagnosis.pitfalls import Finding, collect_findings
from gpt.errors import BadInput


def preflight(
    examples: Sequence[Example],
    prompt_lengths: Sequence[int],
    stop: int,
    context: int,
    trained: Sequence[str] = (),
    held_out: Sequence[str] = (),
) -> list[Finding]:
    """What is wrong with rows to train on.

    Args:
        examples: the rows.
        prompt_lengths: how many tokens of each are the prompt, known from where it was made.
        stop: the token that ends an answer.
        context: the longest row that the model takes.
        trained: the questions of the rows as texts.
        held_out: the questions of the test.

    Raises:
        BadInput: there are no rows.
    """
    if not examples:
        raise BadInput("there are no rows to look at")
    return collect_findings(
        [
            row_faults.empty_masks(examples),
            row_faults.shifted_mask(examples, prompt_lengths),
            row_faults.stop_not_trained(examples, stop),
            row_faults.truncated_rows(examples, context),
            row_faults.duplicated_rows(examples),
            row_faults.leaked_texts(trained, held_out),
        ]
    )


def pair_preflight(pairs: Sequence[Preference]) -> list[Finding]:
    """What is wrong with preferences."""
    report = preference_report(pairs)
    return collect_findings(
        [
            pair_faults.equal_answers(report),
            pair_faults.repeated_pairs(report),
            pair_faults.contradictory_pairs(report),
            pair_faults.length_bias(report),
            pair_faults.overlap_bias(report),
        ]
    )


def model_preflight(
    policy: nn.Module, reference: nn.Module, score: Callable[[], Tensor]
) -> list[Finding]:
    """What is wrong with a policy and its reference; `score` runs the policy on one batch."""
    return collect_findings(
        [
            model_faults.few_trained_weights(policy),
            model_faults.reference_in_training_mode(reference),
            model_faults.reference_not_frozen(reference),
            model_faults.shared_weights(policy, reference),
            model_faults.noisy_scores(score),
        ]
    )


def review_run(records: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What the log of a run shows, of the columns that it has: `log.jsonl`, a dictionary a line.

    Where there is a KL, as in PPO, the loss is not one that should fall, and is not looked at.
    """
    losses, kls = column_values(records, "loss"), column_values(records, "kl")
    judged = [each for each in records if each.get("validation") is not None]
    checks = [run_faults.non_finite_values(losses)]
    if losses and not kls:
        checks.append(run_faults.growing_loss(losses))
    if judged:
        checks.append(
            run_faults.overfitting(
                column_values(judged, "loss"), column_values(judged, "validation")
            )
        )
    if len(kls) > 1:
        checks += [run_faults.exploding_kl(kls), run_faults.negative_kl(kls)]
    for name, detector in COLUMN_DETECTORS.items():
        if values := column_values(records, name):
            checks.append(detector(values))
    return collect_findings(checks)


COLUMN_DETECTORS = {
    "grad_norm": run_faults.no_gradient,
    "entropy": run_faults.collapsed_entropy,
    "stopped": run_faults.never_stops,
}


def review_preference_run(records: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The same for a run whose loss begins at ln 2: DPO, or a reward model."""
    losses = column_values(records, "loss")
    if not losses:
        return review_run(records)
    return [
        *review_run(records),
        *collect_findings([run_faults.first_loss_not_ln2(losses), run_faults.stuck_at_ln2(losses)]),
    ]


def column_values(records: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """The numbers of one name, where it has one."""
    return [float(each[name]) for each in records if each.get(name) is not None]
