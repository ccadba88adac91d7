import pytest
import torch
from torch import tensor

from gpt.errors import BadInput
from reasoning.grpo.advantages import group_advantages, is_in_flat_group

# Two groups of four. The first has a mean of 1/4, deviations 3/4 and three times -1/4, a sum of
# squares of 3/4, a variance (n - 1 = 3) of 1/4 and so a standard deviation of 1/2. The second has a
# mean of 5, deviations 3, -1, -1, -1, a variance of 12 / 3 and a standard deviation of 2.
REWARDS = tensor([1.0, 0, 0, 0, 8, 4, 4, 4]).double()
CENTRED = tensor([0.75, -0.25, -0.25, -0.25, 3, -1, -1, -1]).double()


def close(found, expected, atol=1e-12):
    torch.testing.assert_close(found, expected.double(), rtol=0, atol=atol)


def test_advantages_by_hand():
    close(group_advantages(REWARDS, 4, "none"), CENTRED)
    own = tensor([0.5] * 4 + [2.0] * 4).double()
    close(group_advantages(REWARDS, 4, "group"), CENTRED / (own + 1e-4))
    # of all eight: mean 21/8, sum of squares 1 + 64 + 48 - 8 (21/8)^2 = 57.875, divided by 7
    whole = (57.875 / 7) ** 0.5
    close(group_advantages(REWARDS, 4, "batch"), CENTRED / (whole + 1e-4))


def test_the_default_divides_by_the_deviation_of_the_group():
    close(group_advantages(REWARDS, 4), group_advantages(REWARDS, 4, "group"))


def test_better_answers_have_positive_advantages():
    assert (group_advantages(REWARDS, 4) > 0).tolist() == [True] + [False] * 3 + [True] + [
        False
    ] * 3


def test_a_group_is_compared_with_itself_only():
    alone = torch.cat([group_advantages(REWARDS[:4], 4), group_advantages(REWARDS[4:], 4)])
    close(group_advantages(REWARDS, 4), alone)
    raised = REWARDS + tensor([0.0] * 4 + [100.0] * 4)
    close(group_advantages(raised, 4), alone)


def test_a_flat_group_has_no_advantage_and_is_found():
    rewards = tensor([1.0, 1, 0, 1, 0.1, 0.1])
    assert is_in_flat_group(rewards, 2).tolist() == [True, True, False, False, True, True]
    for scaling in ("group", "batch", "none"):
        found = group_advantages(rewards, 2, scaling)
        assert (found != 0).tolist() == [False, False, True, True, False, False]


def test_equal_rewards_of_all_answers_give_zeros_and_not_nan():
    for scaling in ("group", "batch", "none"):
        assert group_advantages(torch.full((6,), 0.3), 3, scaling).tolist() == [0.0] * 6
        # sixteen times 0.7 has another mean in single precision
        assert group_advantages(torch.full((32,), 0.7), 16, scaling).tolist() == [0.0] * 32


@pytest.mark.parametrize(
    ("n", "size", "message"),
    [
        (6, 1, "a group needs at least 2 answers to compare, got 1"),
        (7, 2, "7 rewards cannot be split into groups of 2"),
    ],
)
def test_rewards_that_form_no_groups_are_refused(n, size, message):
    with pytest.raises(BadInput, match=message):
        group_advantages(torch.zeros(n), size)
