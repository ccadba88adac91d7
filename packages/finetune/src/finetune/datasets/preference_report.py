"""What a set of preferences holds, before anything is trained on it.

A reward model takes the easiest way to tell chosen from rejected. Where one side is the longer one,
or repeats the question, that is what it learns. So the report ends with two baselines: how far one
gets by length alone, and by the words shared with the question alone.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any

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


@dataclasses.dataclass(frozen=True)
class LengthStatistics:
    """Words per answer."""

    mean: float
    median: float


@dataclasses.dataclass(frozen=True)
class KindReport:
    """The pairs of one kind, or all of them."""

    pairs: int
    chosen: LengthStatistics
    rejected: LengthStatistics
    chosen_longer: float
    """Share of pairs."""
    matched: float
    """Share of pairs whose lengths differ by at most one word."""
    length_accuracy: float
    overlap_accuracy: float


@dataclasses.dataclass(frozen=True)
class PreferenceReport:
    """A set of preferences in numbers; shares lie in [0, 1]."""

    all: KindReport
    kinds: dict[str, KindReport]
    jaccard: float
    """Mean likeness of the two answers as sets of words."""
    subsequence: float
    """Mean likeness of the two answers in the same order (ROUGE-L)."""
    chosen_overlap: float
    """Mean share of the question's stems in the chosen answer."""
    rejected_overlap: float
    duplicates: int
    """Pairs that stood there before."""
    conflicts: int
    """Pairs that also stand there the other way round, each two counted once."""
    identical: int
    """Pairs of two equal answers."""

    def to_json(self) -> dict[str, Any]:
        """The same as plain dictionaries."""
        return dataclasses.asdict(self)


def preference_report(pairs: Sequence[Preference]) -> PreferenceReport:
    """The report on any set of preferences.

    Raises:
        BadInput: there are no pairs.
    """
    if not pairs:
        raise BadInput("there are no preferences to report on")
    kinds: dict[str, list[Preference]] = defaultdict(list)
    for pair in pairs:
        kinds[pair.kind].append(pair)
    return PreferenceReport(
        all=kind_report(pairs),
        kinds={kind: kind_report(kinds[kind]) for kind in sorted(kinds)},
        jaccard=fmean(jaccard(pair.chosen, pair.rejected) for pair in pairs),
        subsequence=fmean(subsequence_f1(pair.chosen, pair.rejected) for pair in pairs),
        chosen_overlap=fmean(stem_overlap(pair.question, pair.chosen) for pair in pairs),
        rejected_overlap=fmean(stem_overlap(pair.question, pair.rejected) for pair in pairs),
        duplicates=len(pairs) - len({pair[:3] for pair in pairs}),
        conflicts=count_conflicts(pairs),
        identical=sum(pair.chosen == pair.rejected for pair in pairs),
    )


def kind_report(pairs: Sequence[Preference]) -> KindReport:
    """Lengths and baselines of these pairs."""
    return KindReport(
        pairs=len(pairs),
        chosen=length_statistics(pair.chosen for pair in pairs),
        rejected=length_statistics(pair.rejected for pair in pairs),
        chosen_longer=fmean(pair.longer_by > 0 for pair in pairs),
        matched=fmean(pair.matched for pair in pairs),
        length_accuracy=length_accuracy(pairs),
        overlap_accuracy=overlap_accuracy(pairs),
    )


def length_statistics(answers: Iterable[str]) -> LengthStatistics:
    """Mean and median number of words."""
    counts = [len(normalised_words(answer)) for answer in answers]
    return LengthStatistics(fmean(counts), float(median(counts)))


def pairwise_accuracy(advantages: Iterable[float]) -> float:
    """How often a judge is right who gives the chosen answer this much more; a tie is half."""
    return fmean((1 + (gain > 0) - (gain < 0)) / 2 for gain in advantages)


def length_accuracy(pairs: Sequence[Preference]) -> float:
    """The accuracy of preferring the longer answer, or the shorter: the better of the two."""
    longer = pairwise_accuracy(pair.longer_by for pair in pairs)
    return max(longer, 1 - longer)


def overlap_accuracy(pairs: Sequence[Preference]) -> float:
    """The accuracy of always preferring the answer that takes up more of the question's stems."""
    return pairwise_accuracy(
        stem_overlap(pair.question, pair.chosen) - stem_overlap(pair.question, pair.rejected)
        for pair in pairs
    )


def count_conflicts(pairs: Sequence[Preference]) -> int:
    """How many pairs of answers are preferred both ways."""
    ways = {(pair.question, pair.chosen, pair.rejected) for pair in pairs}
    return sum(b != a and (q, b, a) in ways for q, a, b in ways) // 2


def format_preference_report(report: PreferenceReport) -> str:
    """The report as text: a table of the kinds, then what holds for all pairs."""
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
    return "\n".join([*filter(None, rows), "", *summary_lines(report)])


def summary_lines(report: PreferenceReport) -> list[str]:
    """What holds for all pairs, a line each."""
    return [
        "Words of an answer: mean (median). Matched: lengths differ by one word at most.",
        "By length, by overlap: how often these two baselines prefer the chosen answer.",
        f"Likeness of the two answers: {report.jaccard:.2f} as sets of words, "
        f"{report.subsequence:.2f} in order.",
        f"Of the question's words {report.chosen_overlap:.1%} are in the chosen answer, "
        f"{report.rejected_overlap:.1%} in the rejected.",
        f"Pairs seen before: {report.duplicates}. Preferred both ways: {report.conflicts}. "
        f"Two equal answers: {report.identical}.",
    ]
