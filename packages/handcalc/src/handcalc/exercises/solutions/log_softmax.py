"""Logarithms of a softmax, for logits of any size."""

import math

from handcalc.calculation import Vector


def log_softmax(logits: Vector) -> Vector:
    """Return ln p[v] = l[v] - m - ln(sum over w of e^(l[w] - m)), with m the largest."""
    largest = max(logits)
    total = math.fsum(math.exp(logit - largest) for logit in logits)
    return [logit - largest - math.log(total) for logit in logits]
