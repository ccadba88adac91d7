"""The awkward answers, decided by us and by math-verify."""

import pytest

pytest.importorskip("math_verify", reason="baselines: needs math-verify")

from reasoning.evaluation.awkward_answers import read_awkward_answers
from reasoning.evaluation.baselines import check_awkward_answers


@pytest.fixture(scope="module")
def compared():
    return check_awkward_answers()


def test_we_make_no_mistake_and_math_verify_differs_where_the_list_says_so(compared):
    rows = [row for row in read_awkward_answers() if row.group != "limits"]
    assert compared.mistakes == []
    assert compared.differences == [row for row in rows if row.differs]
    assert 300 < compared.n == len(rows) == compared.agreements + len(compared.differences)


def test_we_are_at_least_three_times_faster(compared):
    assert 0 < 3 * compared.ours_s < compared.library_s
