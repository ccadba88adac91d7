"""Votes among sampled answers (Wang et al. 2022, "Self-consistency improves chain of thought").

Samples without a valid answer are None and have no vote. In a tie, the answer that came first wins,
so that the same samples always give the same winner.
"""

from collections.abc import Hashable, Sequence
from typing import TypeVar

from gpt.errors import BadInput

_Answer = TypeVar("_Answer", bound=Hashable)


def count_votes(
    answers: Sequence[_Answer | None], weights: Sequence[float] | None = None
) -> dict[_Answer, float]:
    """Return the sum of weights of each valid answer, in the order of their first vote.

    Args:
        answers: the answer of each sample; None where there is none.
        weights: the weight of each sample, such as a verifier's score; by default 1.

    Raises:
        BadInput: there is not one weight for each answer, or a weight is negative or not finite.
    """
    weights = [1.0] * len(answers) if weights is None else weights
    if len(weights) != len(answers):
        raise BadInput(f"{len(answers)} answers need as many weights, got {len(weights)}")
    votes: dict[_Answer, float] = {}
    for answer, weight in zip(answers, weights, strict=True):
        if not 0 <= weight < float("inf"):
            raise BadInput(f"the weight of a vote must be a number from 0 up, got {weight}")
        if answer is not None:
            votes[answer] = votes.get(answer, 0.0) + weight
    return votes


def majority_vote(
    answers: Sequence[_Answer | None], weights: Sequence[float] | None = None
) -> _Answer | None:
    """Return the answer with the largest sum of weights, a plurality; None if none is valid."""
    votes = count_votes(answers, weights)
    return max(votes, key=lambda answer: votes[answer]) if votes else None


def votes_needed(answers: Sequence[_Answer | None]) -> int:
    """Return after how many samples the winner is certain, however ties are decided.

    Its lead over the second answer must exceed the number of samples that are still to come, which
    could all go to the second. Sampling could stop there.
    """
    for n_seen in range(1, len(answers) + 1):
        first, second, *_ = [*sorted(count_votes(answers[:n_seen]).values(), reverse=True), 0, 0]
        if first - second > len(answers) - n_seen:
            return n_seen
    return len(answers)
