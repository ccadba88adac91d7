"""Detectors for preferences, read from their report: useless pairs, and pairs that teach length."""

from finetune.datasets.preference_report import PreferenceReport
from finetune.diagnosis.pitfalls import Finding


def equal_answers(report: PreferenceReport) -> Finding | None:
    """Find pairs whose two answers are the same: their margin and gradient are zero."""
    return Finding.unless(
        report.identical == 0,
        "equal answers",
        f"{report.identical} of {report.all.pairs} pairs prefer an answer to itself; drop them",
        report.identical / report.all.pairs,
    )


def repeated_pairs(report: PreferenceReport, most: float = 0.01) -> Finding | None:
    """Find pairs that occur more than once."""
    share = report.duplicates / report.all.pairs
    return Finding.unless(
        share <= most,
        "repeated pairs",
        f"{share:.1%} of the pairs repeat others; deduplicate before splitting",
        share,
    )


def contradictory_pairs(report: PreferenceReport) -> Finding | None:
    """Find answers that are preferred both ways: the two pairs cancel each other."""
    return Finding.unless(
        report.conflicts == 0,
        "contradictions",
        f"{report.conflicts} pairs also occur with their answers swapped; drop both, or keep the "
        "majority's choice and allow for wrong labels (conservative DPO)",
        report.conflicts / report.all.pairs,
    )


def length_bias(report: PreferenceReport, most: float = 0.65) -> Finding | None:
    """Find pairs whose chosen answer can be guessed from the lengths."""
    share = report.all.length_accuracy
    return Finding.unless(
        share <= most,
        "length bias",
        f"length predicts the chosen answer in {share:.1%} of the pairs, so length is what the "
        "model will learn; match the lengths in at least half of the pairs, and report accuracy "
        "on those",
        share,
    )


def overlap_bias(report: PreferenceReport, most: float = 0.75) -> Finding | None:
    """Find pairs whose chosen answer can be guessed from the words shared with the question."""
    accuracy = report.all.overlap_accuracy
    share = max(accuracy, 1 - accuracy)
    fewer = "rejected" if share == accuracy else "chosen"
    return Finding.unless(
        share <= most,
        "overlap bias",
        f"words shared with the question predict the chosen answer in {share:.1%} of the pairs; "
        f"add {fewer} answers that share as many, and report accuracy on those",
        share,
    )
