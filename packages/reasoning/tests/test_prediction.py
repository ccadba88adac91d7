from itertools import product

import pytest

from gpt.errors import BadInput
from reasoning.voting.prediction import majority_chance, plurality_chance


def test_majorities_by_hand():
    assert majority_chance(0.6, 1) == pytest.approx(0.6)
    assert majority_chance(0.6, 3) == pytest.approx(0.6**3 + 3 * 0.6**2 * 0.4)
    assert majority_chance(0.6, 2) == pytest.approx(0.6**2 + 0.6 * 0.4)  # a tie counts half
    assert majority_chance(0.5, 100) == pytest.approx(0.5)
    assert majority_chance(0.4, 101) < 0.03 < 0.97 < majority_chance(0.6, 101)


def test_with_one_other_answer_the_plurality_is_the_majority():
    for n in range(1, 9):
        assert plurality_chance(0.6, [0.4], n) == pytest.approx(majority_chance(0.6, n))


def test_wrong_answers_that_differ_help():
    # 2 votes win against 1; of 1, 1, 1 the right one is first in a third of the cases
    assert plurality_chance(0.4, [0.3, 0.3], 3) == pytest.approx(
        0.4**3 + 3 * 0.4**2 * 0.6 + 6 * 0.4 * 0.3 * 0.3 / 3
    )
    assert plurality_chance(0.4, [0.1] * 6, 8) > plurality_chance(0.4, [0.6], 8) + 0.3


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_it_equals_the_enumeration_of_all_votes(n):
    chances = [0.35, 0.25, 0.2, 0.05, 0.15]  # the right answer, three others, no valid answer
    total = 0.0
    for votes in product(range(5), repeat=n):
        counts = [votes.count(answer) for answer in range(4)]
        if counts[0] == max(counts) > 0:
            chance = 1.0
            for vote in votes:
                chance *= chances[vote]
            total += chance / counts.count(counts[0])
    assert plurality_chance(0.35, [0.25, 0.2, 0.05], n) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize(
    ("right", "others", "n", "message"),
    [
        (1.1, [], 3, "chances must lie"),
        (-0.1, [], 3, "chances must lie"),
        (0.6, [0.5], 3, "chances must lie"),
        (0.5, [-0.1], 3, "chances must lie"),
        (0.5, [0.5], 0, "a vote needs 1 to 1000 samples, got 0"),
        (0.5, [0.5], 1001, "a vote needs 1 to 1000 samples, got 1001"),
    ],
)
def test_what_are_no_chances_is_refused(right, others, n, message):
    with pytest.raises(BadInput, match=message):
        plurality_chance(right, others, n)


def test_large_votes_are_exact_too():
    assert plurality_chance(0.51, [0.49], 999) == pytest.approx(majority_chance(0.51, 999))
    assert 0.5 < majority_chance(0.51, 1000) < 1
