"""The check of `outliers_apart` refuses common mistakes."""

import pytest
import torch

from finetune.exercises.check_outliers_apart import check
from finetune.lora.nf4 import dequantise_matrix, quantise_matrix


def nf4(weight):
    return dequantise_matrix(quantise_matrix(weight), tuple(weight.shape))


def largest(numbers, n):
    return torch.zeros(numbers.numel()).index_fill(0, numbers.flatten().topk(n).indices, 1).bool()


def restored_but_not_taken_out(weight, n):
    return torch.where(largest(weight.abs(), n).view_as(weight), weight, nf4(weight))


def taken_out_but_not_restored(weight, n):
    return nf4(weight.masked_fill(largest(weight.abs(), n).view_as(weight), 0))


def signed(weight, n):
    large = largest(weight, n).view_as(weight)
    return torch.where(large, weight, nf4(weight.masked_fill(large, 0)))


def smallest(weight, n):
    large = largest(-weight.abs(), n).view_as(weight)
    return torch.where(large, weight, nf4(weight.masked_fill(large, 0)))


def clipped(weight, n):
    limit = weight.abs().flatten().sort(descending=True).values[n]
    return nf4(weight.clamp(-limit, limit))


def in_place(weight, n):
    large = largest(weight.abs(), n).view_as(weight)
    kept = weight[large].clone()
    again = nf4(weight.masked_fill_(large, 0))
    again[large] = kept
    return again


def n_in_every_row(weight, n):
    large = torch.zeros_like(weight).scatter_(1, weight.abs().topk(n, dim=1).indices, 1).bool()
    return torch.where(large, weight, nf4(weight.masked_fill(large, 0)))


WRONG = [
    restored_but_not_taken_out,
    taken_out_but_not_restored,
    signed,
    smallest,
    clipped,
    in_place,
    n_in_every_row,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
