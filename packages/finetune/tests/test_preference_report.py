import json
from dataclasses import asdict

import pytest

from finetune.datasets.preference_report import (
    LengthStatistics,
    format_preference_report,
    length_accuracy,
    overlap_accuracy,
    pairwise_accuracy,
    preference_report,
)
from finetune.datasets.preferences import Preference
from gpt.errors import BadInput

# A question with the stems open and file, and answers of 1 to 4 words.
PAIRS = [
    Preference("Open file?", "Open a file.", "Open it.", "x"),  # 3 words against 2; 2 stems to 1
    Preference("Open file?", "File.", "It may be here.", "x"),  # 1 against 4; 1 stem to 0
    Preference("Open file?", "One two.", "Two one.", "y"),  # 2 against 2; none
    Preference("Open file?", "Two one.", "One two.", "y"),  # the same with the answers swapped
    Preference("Open file?", "Two one.", "One two.", "z"),  # and once more
    Preference("Open file?", "Same.", "Same.", "z"),
]


def test_the_report_by_hand():
    report = preference_report(PAIRS)
    assert report.all.pairs == 6
    assert report.all.chosen == LengthStatistics(mean=11 / 6, median=2.0)
    assert report.all.rejected == LengthStatistics(mean=13 / 6, median=2.0)
    assert report.all.chosen_longer == pytest.approx(1 / 6)
    assert report.all.matched == pytest.approx(5 / 6)
    # longer is right once, wrong once, half right four times
    assert report.all.length_accuracy == pytest.approx(3 / 6)
    assert report.all.overlap_accuracy == pytest.approx((2 + 4 / 2) / 6)
    # 1 of 4 words (open, a, file, it), 0, all, all, all, all
    assert report.jaccard == pytest.approx((1 / 4 + 0 + 4) / 6)
    # open in order: 2 / 5; none; one of two three times; all
    assert report.subsequence == pytest.approx((2 / 5 + 0 + 3 * 2 / 4 + 1) / 6)
    assert report.chosen_overlap == pytest.approx((1 + 1 / 2) / 6)
    assert report.rejected_overlap == pytest.approx((1 / 2) / 6)
    assert (report.duplicates, report.conflicts, report.identical) == (1, 1, 1)


def test_each_kind_has_its_own_report():
    kinds = preference_report(PAIRS).kinds
    assert {kind: each.pairs for kind, each in kinds.items()} == {"x": 2, "y": 2, "z": 2}
    assert kinds["x"] == preference_report(PAIRS[:2]).all
    assert kinds["x"].overlap_accuracy == 1
    assert kinds["x"].matched == kinds["x"].chosen_longer == 1 / 2


def test_a_tie_counts_one_half():
    assert pairwise_accuracy([2.0, -1.0, 0.0, 0.5]) == 2.5 / 4


def test_the_better_direction_of_length_counts():
    longer, shorter = Preference("?", "a b", "a"), Preference("?", "a", "a b")
    assert length_accuracy([longer, longer, shorter]) == pytest.approx(2 / 3)
    assert length_accuracy([shorter, longer, shorter]) == pytest.approx(2 / 3)
    assert length_accuracy([shorter]) == 1


def test_the_overlap_baseline_prefers_more_words_of_the_question():
    assert overlap_accuracy([Preference("Copy the `TarFile`?", "A tar file.", "A file.")]) == 1
    assert overlap_accuracy([Preference("Copy the `TarFile`?", "A tar.", "A copied file.")]) == 0.5
    assert overlap_accuracy([Preference("Copy the `TarFile`?", "A tar.", "A copy file.")]) == 0


def test_conflicts_need_the_same_question_and_different_answers():
    one, back = Preference("q", "a", "b"), Preference("q", "b", "a", "other kind")
    assert preference_report([one, back]).conflicts == 1
    assert preference_report([one, one, back, back]).conflicts == 1
    assert preference_report([one, back._replace(question="r")]).conflicts == 0
    assert preference_report([Preference("q", "a", "a"), Preference("q", "b", "b")]).conflicts == 0


def test_the_report_can_be_written_as_json():
    content = json.loads(json.dumps(asdict(preference_report(PAIRS))))
    assert content["all"]["chosen"] == {"mean": pytest.approx(11 / 6), "median": 2}
    assert set(content["kinds"]) == {"x", "y", "z"}
    assert content["conflicts"] == 1


def test_the_table_has_a_row_per_kind_and_one_for_all():
    pairs = [*PAIRS, Preference("q", "a b", "a")]
    lines = format_preference_report(preference_report(pairs)).splitlines()
    assert lines[0].split("  ")[1] == "kind"
    starts = [line.split()[0] for line in lines[2:7]]
    assert starts == ["unnamed", "x", "y", "z", "all"]
    # x: 3 and 1 words against 2 and 4
    assert " ".join(lines[3].split()) == "x 2 2.0 (2) 3.0 (3) 50.0% 50.0% 50.0% 100.0%"
    assert lines[-1] == "Repeated pairs: 1. Preferred both ways: 1. Equal answers: 1."
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


def test_a_report_on_no_pairs_is_refused():
    with pytest.raises(BadInput, match="no preferences"):
        preference_report([])
