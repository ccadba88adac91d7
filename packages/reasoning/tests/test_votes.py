from itertools import product

import pytest

from gpt.errors import BadInput
from reasoning.voting.votes import count_votes, majority_vote, votes_needed


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        ([7, 8, 8], 8),
        ([7, 8, 8, 7], 7),  # a tie goes to the answer that came first
        ([None, None, 8], 8),  # invalid samples have no vote, however many there are
        ([None, None], None),
        ([], None),
        ([0, 0, 1], 0),
    ],
)
def test_majorities_by_hand(answers, winner):
    assert majority_vote(answers) == winner


def test_weights_can_outvote_a_majority():
    assert count_votes([7, 8, 8, None], [0.9, 0.2, 0.3, 5.0]) == {7: 0.9, 8: 0.5}
    assert majority_vote([7, 8, 8], [0.9, 0.2, 0.3]) == 7
    assert majority_vote([7, 8], [0.0, 0.0]) == 7


@pytest.mark.parametrize("weights", [[1.0], [1.0, -0.1], [1.0, float("nan")], [1.0, float("inf")]])
def test_weights_that_are_no_weights_are_refused(weights):
    with pytest.raises(BadInput, match="weight"):
        count_votes([1, 2], weights)


@pytest.mark.parametrize(
    ("answers", "needed"),
    [
        ([1, 1, 1, 2, 2], 3),  # 3 to 0 with two to come
        ([1, 1, 2, 1, 2], 4),  # 3 to 1 with one to come
        ([1, 2, 3], 3),
        ([None, 1, 1], 3),
        ([1], 1),
    ],
)
def test_how_many_samples_decide(answers, needed):
    assert votes_needed(answers) == needed


def test_the_winner_is_certain_after_the_votes_that_are_needed():
    for answers in product([None, 1, 2, 3], repeat=5):
        n = votes_needed(answers)
        assert majority_vote(answers[:n]) == majority_vote(answers)
