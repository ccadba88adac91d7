from itertools import combinations

import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.evaluation.pass_rates import pass_at_k, pass_rates


@pytest.mark.parametrize(("n", "n_right"), [(1, 0), (1, 1), (5, 2), (6, 5), (4, 0)])
def test_pass_at_k_equals_the_share_of_all_subsets(n, n_right):
    right = [place < n_right for place in range(n)]
    for k in range(1, n + 1):
        subsets = list(combinations(right, k))
        assert pass_at_k(n, n_right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("n", "n_right", "k"), [(4, 1, 5), (4, 5, 1), (4, -1, 1), (4, 1, 0)])
def test_numbers_that_do_not_fit_are_refused(n, n_right, k):
    with pytest.raises(BadInput, match=f"no pass@{k} for {n_right} right of {n}"):
        pass_at_k(n, n_right, k)


def test_rates_by_hand():
    right = np.array([[True, False], [True, True], [False, False], [False, True]])
    rates = pass_rates(right)
    assert rates == (0.5, 0.75, 0.5)
    assert rates.pass_at_1 == np.mean([pass_at_k(2, int(row.sum()), 1) for row in right])
    assert rates.pass_at_n == np.mean([pass_at_k(2, int(row.sum()), 2) for row in right])
