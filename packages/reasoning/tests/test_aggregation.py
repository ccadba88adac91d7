import pytest

from gpt.errors import BadInput
from reasoning.verifier.aggregation import AGGREGATIONS, aggregate


def test_aggregations_by_hand():
    scores = [0.8, 0.2, 0.5]
    found = {how: aggregate(scores, how) for how in AGGREGATIONS}
    assert found == pytest.approx({"min": 0.2, "prod": 0.08, "last": 0.5, "mean": 0.5})
    assert aggregate([0.1, 0.2, 0.6], "mean") == pytest.approx(0.3)


def test_aggregations_disagree_about_which_of_two_attempts_is_better():
    late, early = [0.9, 0.9, 0.3], [0.2, 0.4, 0.8]
    better = {how: aggregate(late, how) > aggregate(early, how) for how in AGGREGATIONS}
    assert better == {"min": True, "prod": True, "last": False, "mean": True}


def test_an_attempt_without_steps_is_worth_nothing():
    assert [aggregate([], how) for how in AGGREGATIONS] == [0, 0, 0, 0]


def test_an_unknown_aggregation_is_refused():
    with pytest.raises(BadInput, match="'max'; choose from min, prod, last, mean"):
        aggregate([0.5], "max")
