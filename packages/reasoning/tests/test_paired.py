import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.evaluation.paired import PairedDifference, paired_difference


def test_what_both_share_does_not_widen_the_interval():
    random = np.random.default_rng(0)
    hard = random.random(200)
    gain = np.where(np.arange(200) < 20, 0.5, 0.0)
    mean, low, high = paired_difference(hard + gain, hard)
    assert mean == pytest.approx(0.05) and 0.02 < low < mean < high < 0.09
    unpaired = paired_difference(hard + gain, random.permutation(hard))
    assert unpaired.mean == pytest.approx(0.05) and unpaired.low < 0 < unpaired.high


def test_a_difference_reads_in_points():
    assert str(PairedDifference(-0.05, -0.081, 0.0)) == "-5.0 points (-8.1 to +0.0)"


def test_no_problems_are_refused():
    with pytest.raises(BadInput, match="there are no problems to compare"):
        paired_difference(np.zeros(0), np.zeros(0))
