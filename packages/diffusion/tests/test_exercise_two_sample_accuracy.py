"""The check of `two_sample_accuracy` refuses common mistakes."""

import pytest
import torch

from diffusion.exercises.check_two_sample_accuracy import check


def shares(a, b, change=lambda distances: distances):
    """Return for each row whether its neighbour is of its own set."""
    both = torch.cat([a, b]).flatten(1)
    is_a = torch.arange(len(both)) < len(a)
    distances = torch.cdist(both, both)
    distances.fill_diagonal_(float("inf"))
    return is_a[change(distances).argmin(dim=1)] == is_a


def an_image_is_its_own_neighbour(a, b):
    return shares(a, b, lambda distances: distances.fill_diagonal_(0)).float().mean().item()


def the_farthest_instead_of_the_nearest(a, b):
    return shares(a, b, lambda distances: (-distances).fill_diagonal_(0)).float().mean().item()


def the_share_of_the_other_set(a, b):
    return 1 - shares(a, b).float().mean().item()


def only_the_first_set(a, b):
    return shares(a, b)[: len(a)].float().mean().item()


def mean_of_both_sets(a, b):
    found = shares(a, b).float()
    return (found[: len(a)].mean() + found[len(a) :].mean()).item() / 2


WRONG = [
    an_image_is_its_own_neighbour,
    the_farthest_instead_of_the_nearest,
    the_share_of_the_other_set,
    only_the_first_set,
    mean_of_both_sets,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
