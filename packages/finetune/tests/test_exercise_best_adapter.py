"""The check of `best_adapter` refuses common mistakes."""

import pytest
import torch

from finetune.exercises.check_best_adapter import check


def parts(change):
    return torch.linalg.svd(change, full_matrices=False)


def scale_forgotten(change, rank, scale):
    left, sizes, right = parts(change)
    return right[:rank], left[:, :rank] * sizes[:rank]


def scale_in_both(change, rank, scale):
    left, sizes, right = parts(change)
    return right[:rank] / scale, left[:, :rank] * sizes[:rank] / scale


def sizes_forgotten(change, rank, scale):
    left, _, right = parts(change)
    return right[:rank], left[:, :rank] / scale


def sizes_in_both(change, rank, scale):
    left, sizes, right = parts(change)
    return sizes[:rank, None] * right[:rank], left[:, :rank] * sizes[:rank] / scale


def the_smallest(change, rank, scale):
    left, sizes, right = parts(change)
    return right[-rank:], left[:, -rank:] * sizes[-rank:] / scale


def a_and_b_swapped(change, rank, scale):
    left, sizes, right = parts(change)
    return left[:, :rank] * sizes[:rank] / scale, right[:rank]


def the_first_columns(change, rank, scale):
    return torch.eye(change.shape[1], dtype=change.dtype)[:rank], change[:, :rank] / scale


def v_for_its_transpose(change, rank, scale):
    left, sizes, right = parts(change)
    return right.T[:rank].contiguous(), left[:, :rank] * sizes[:rank] / scale


WRONG = [
    scale_forgotten,
    scale_in_both,
    sizes_forgotten,
    sizes_in_both,
    the_smallest,
    a_and_b_swapped,
    the_first_columns,
    v_for_its_transpose,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
