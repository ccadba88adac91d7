"""Faults of preferences, read off their report: pairs that say nothing, or that say length."""

from finetune.datasets.preference_report import PreferenceReport
from finetune.diagnosis.pitfalls import Finding


def equal_answers(report: PreferenceReport) -> Finding | None:
    """Pairs whose two answers are the same: their margin is 0 and their gradient nothing."""
    if report.identical == 0:
        return None
    return Finding(
        "equal answers",
        f"{report.identical} of {report.all.pairs} pairs prefer an answer to itself; drop them",
        report.identical / report.all.pairs,
    )


def repeated_pairs(report: PreferenceReport, most: float = 0.01) -> Finding | None:
    """Pairs that stand there more than once."""
    share = report.duplicates / report.all.pairs
    if share <= most:
        return None
    return Finding(
        "repeated pairs",
        f"{share:.1%} of the pairs repeat others; deduplicate before splitting",
        share,
    )


def contradictory_pairs(report: PreferenceReport) -> Finding | None:
    """Two answers preferred both ways: what one pair teaches, the other takes back."""
    if report.conflicts == 0:
        return None
    return Finding(
        "contradictions",
        f"{report.conflicts} pairs also stand there the other way round; drop both, or keep what "
        "most judges say and allow for wrong labels (conservative DPO)",
        report.conflicts / report.all.pairs,
    )


def length_bias(report: PreferenceReport, most: float = 0.65) -> Finding | None:
    """Pairs that can be told apart by which answer is longer."""
    share = report.all.length_accuracy
    if share <= most:
        return None
    return Finding(
        "length bias",
        f"the length alone tells {share:.1%} of the pairs, so that is what will be learned; match "
        "lengths in half of the pairs at least, and report accuracy on those",
        share,
    )


def overlap_bias(report: PreferenceReport, most: float = 0.75) -> Finding | None:
    """Pairs that can be told apart by which answer repeats the question."""
    share = max(report.all.overlap_accuracy, 1 - report.all.overlap_accuracy)
    if share <= most:
        return None
    fewer = "rejected" if share == report.all.overlap_accuracy else "chosen"
    return Finding(
        "overlap bias",
        f"words shared with the question tell {share:.1%} of the pairs; add {fewer} answers that "
        "share as many, and report accuracy on those",
        share,
    )
