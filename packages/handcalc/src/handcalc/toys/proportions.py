"""Scores as plain proportions, for comparison with the softmax.

    proportion    p[i] = s[i] / sum over j of s[j]
    softmax       p[i] = e^s[i] / sum over j of e^s[j]

Proportions depend on the ratios of the scores: doubling all scores changes nothing. The softmax
depends on their differences: adding 10 to all scores changes nothing. Attention scores are dot
products, which can be negative and can add up to zero; then only the softmax gives probabilities.
"""

from handcalc.calculation import Vector


def proportions(scores: Vector) -> Vector:
    """Divide each score by their sum; the results add up to 1, but some may be negative.

    Raises:
        ValueError: the scores add up to 0.
    """
    total = scores[0]
    for score in scores[1:]:
        total = total + score
    if total == 0.0:
        raise ValueError(f"the scores {scores} add up to 0, so they have no proportions")
    return [score / total for score in scores]
