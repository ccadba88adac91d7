"""The check of `packed_mask` refuses common mistakes."""

import pytest
import torch

from finetune.exercises.check_packed_mask import check
from finetune.exercises.solutions.packed_mask import packed_mask


def texts(lengths):
    return torch.repeat_interleave(torch.tensor(lengths))


def one_triangle_for_all(lengths):
    return torch.ones(sum(lengths), sum(lengths)).tril().bool()


def blocks_that_see_ahead(lengths):
    return texts(lengths)[:, None] == texts(lengths)


def not_oneself(lengths):
    return packed_mask(lengths).tril(-1)


def rows_and_columns_exchanged(lengths):
    return packed_mask(lengths).T


def true_where_hidden(lengths):
    return ~packed_mask(lengths)


def told_apart_by_length(lengths):
    own = torch.tensor([length for length in lengths for _ in range(length)])
    return one_triangle_for_all(lengths) & (own[:, None] == own)


def neighbours_only(lengths):
    return packed_mask(lengths).triu(-1)


def ones_and_zeros(lengths):
    return packed_mask(lengths).float()


WRONG = [
    one_triangle_for_all,
    blocks_that_see_ahead,
    not_oneself,
    rows_and_columns_exchanged,
    true_where_hidden,
    told_apart_by_length,
    neighbours_only,
    ones_and_zeros,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
