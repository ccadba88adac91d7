"""The checks confirm every gradient in two other ways."""

import pytest

from handcalc.gradients import check
from handcalc.model.transformer import BLOCKS


@pytest.mark.parametrize(
    "block",
    [each if each == "pre-ln" else pytest.param(each, marks=pytest.mark.slow) for each in BLOCKS],
)
def test_every_gradient_agrees_with_differences_and_with_the_engine(block):
    found = check.check_gradients(block)
    assert {each.block for each in found} == {block} and {each.torch for each in found} == {None}
    assert sum(each.n for each in found) == {"pre-ln": 3520, "post-ln": 3488}.get(block, 3456)
    assert max(each.differences for each in found) < 1e-9
    assert max(each.autograd for each in found) < 1e-12
