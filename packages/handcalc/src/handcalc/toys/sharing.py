"""Shares in proportion, to hold beside those of the softmax.

    in proportion    share[i] = s[i] / sum over j of s[j]
    softmax          share[i] = e^s[i] / sum over j of e^s[j]

In proportion, only the ratios of scores count: doubling all changes nothing. By the softmax only
their differences count: adding 10 to all changes nothing. Scores of attention are dot products.
They can be negative, and they can add up to zero, and then only the softmax gives shares.
"""

from handcalc.operations.matrices import Vector


def proportional(scores: Vector) -> Vector:
    """Each score over their sum; shares add up to one, but some of them may be negative.

    Raises:
        ValueError: the scores add up to 0.
    """
    total = scores[0]
    for score in scores[1:]:
        total = total + score
    if total == 0.0:
        raise ValueError(f"the scores {scores} add up to 0, so they have no shares in proportion")
    return [score / total for score in scores]
