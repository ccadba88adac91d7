"""Describe a set of preferences before a model is trained on it.

A reward model learns the easiest way to distinguish chosen from rejected answers, such as their
length or the words repeated from the question. So the report has two baselines: the accuracy of
always preferring the longer (or shorter) answer, and that of always preferring the answer that
shares more words with the question.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from finetune.datasets.preferences import Preference
from finetune.datasets.words import jaccard, normalised_words, stem_overlap, subsequence_f1
from gpt.errors import BadInput

REPORT_HEADINGS = (
    "pairs",
    "chosen",
    "rejected",
    "chosen longer",
    "matched",
    "by length",
    "by overlap",
)


@dataclass(frozen=True)
class LengthStatistics:
    """Mean and median number of words per answer."""

    mean: float
    median: float


@dataclass(frozen=True)
class KindReport:
    """Statistics of the pairs of one kind, or of all pairs."""

    pairs: int
    chosen: LengthStatistics
    rejected: LengthStatistics
    chosen_longer: float
    """Share of pairs whose chosen answer has more words."""
    matched: float
    """Share of pairs whose lengths differ by at most one word."""
    length_accuracy: float
    overlap_accuracy: float


@dataclass(frozen=True)
class PreferenceReport:
    """Statistics of a set of preferences; shares are in [0, 1]."""

    all: KindReport
    kinds: dict[str, KindReport]
    jaccard: float
    """Mean similarity of the two answers as sets of words."""
    subsequence: float
    """Mean similarity of the two answers as sequences of words (ROUGE-L)."""
    chosen_overlap: float
    """Mean share of the question's stems in the chosen answer."""
    rejected_overlap: float
    duplicates: int
    """Pairs that repeat an earlier pair."""
    conflicts: int
    """Pairs that also occur with chosen and rejected swapped; both together count once."""
    identical: int
    """Pairs whose two answers are equal."""


def preference_report(pairs: Sequence[Preference]) -> PreferenceReport:
    """Return the statistics of any set of preferences.

    Raises:
        BadInput: there are no pairs.
    """
    if not pairs:
        raise BadInput("there are no preferences to report on")
    kinds: dict[str, list[Preference]] = defaultdict(list)
    for pair in pairs:
        kinds[pair.kind].append(pair)
    distinct = {(pair.question, pair.chosen, pair.rejected) for pair in pairs}
    return PreferenceReport(
        all=kind_report(pairs),
        kinds={kind: kind_report(kinds[kind]) for kind in sorted(kinds)},
        jaccard=fmean(jaccard(pair.chosen, pair.rejected) for pair in pairs),
        subsequence=fmean(subsequence_f1(pair.chosen, pair.rejected) for pair in pairs),
        chosen_overlap=fmean(stem_overlap(pair.question, pair.chosen) for pair in pairs),
        rejected_overlap=fmean(stem_overlap(pair.question, pair.rejected) for pair in pairs),
        duplicates=len(pairs) - len(distinct),
        conflicts=sum(b != a and (question, b, a) in distinct for question, a, b in distinct) // 2,
        identical=sum(pair.chosen == pair.rejected for pair in pairs),
    )


def kind_report(pairs: Sequence[Preference]) -> KindReport:
    """Return the lengths and the accuracy of both baselines for these pairs."""
    chosen = [len(normalised_words(pair.chosen)) for pair in pairs]
    rejected = [len(normalised_words(pair.rejected)) for pair in pairs]
    return KindReport(
        pairs=len(pairs),
        chosen=LengthStatistics(fmean(chosen), float(median(chosen))),
        rejected=LengthStatistics(fmean(rejected), float(median(rejected))),
        chosen_longer=fmean(pair.longer_by > 0 for pair in pairs),
        matched=fmean(pair.matched for pair in pairs),
        length_accuracy=length_accuracy(pairs),
        overlap_accuracy=overlap_accuracy(pairs),
    )


def pairwise_accuracy(margins: Iterable[float]) -> float:
    """Return how often a judge prefers the chosen answer; a tie counts one half.

    A margin is the judge's score of the chosen answer minus that of the rejected one.
    """
    return fmean((1 + (margin > 0) - (margin < 0)) / 2 for margin in margins)


def length_accuracy(pairs: Sequence[Preference]) -> float:
    """Return the accuracy of always preferring the longer answer or the shorter; the larger one."""
    longer = pairwise_accuracy(pair.longer_by for pair in pairs)
    return max(longer, 1 - longer)


def overlap_accuracy(pairs: Sequence[Preference]) -> float:
    """Return the accuracy of always preferring the answer with more of the question's stems."""
    return pairwise_accuracy(
        stem_overlap(pair.question, pair.chosen) - stem_overlap(pair.question, pair.rejected)
        for pair in pairs
    )


def format_preference_report(report: PreferenceReport) -> str:
    """Return the report as text: a table of the kinds, then the numbers of all pairs."""
    table = Table("kind", box=SIMPLE_HEAD)
    for heading in REPORT_HEADINGS:
        table.add_column(heading, justify="right")
    for kind, each in [*report.kinds.items(), ("all", report.all)]:
        shares = (each.chosen_longer, each.matched, each.length_accuracy, each.overlap_accuracy)
        table.add_row(
            kind or "unnamed",
            f"{each.pairs:,}",
            *(f"{side.mean:.1f} ({side.median:g})" for side in (each.chosen, each.rejected)),
            *(f"{share:.1%}" for share in shares),
        )
    console = Console(width=100, color_system=None)
    with console.capture() as text:
        console.print(table)
    rows = [row.rstrip() for row in text.get().splitlines()]
    return "\n".join(
        [
            *filter(None, rows),
            "",
            "Words per answer: mean (median). Matched: lengths differ by at most one word.",
            "By length, by overlap: how often these two baselines prefer the chosen answer.",
            f"Similarity of the two answers: {report.jaccard:.2f} as sets of words, "
            f"{report.subsequence:.2f} in order.",
            f"Of the question's words {report.chosen_overlap:.1%} are in the chosen answer, "
            f"{report.rejected_overlap:.1%} in the rejected one.",
            f"Repeated pairs: {report.duplicates}. Preferred both ways: {report.conflicts}. "
            f"Equal answers: {report.identical}.",
        ]
    )
