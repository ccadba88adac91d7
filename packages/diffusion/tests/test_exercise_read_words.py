"""The check of `read_words` refuses common mistakes."""

import math

import pytest

from diffusion.exercises.check_read_words import check


def scores_of(q, k):
    return q @ k.mT / math.sqrt(q.shape[-1])


def padding_of(ids):
    return ((ids == 0) & (ids != 0).any(dim=1, keepdim=True))[:, None]


def without_a_mask(q, k, v, ids):
    return scores_of(q, k).softmax(dim=-1) @ v


def without_the_root(q, k, v, ids):
    return (q @ k.mT).masked_fill(padding_of(ids), -math.inf).softmax(dim=-1) @ v


def softmax_over_the_patches(q, k, v, ids):
    return scores_of(q, k).masked_fill(padding_of(ids), -math.inf).softmax(dim=1) @ v


def scores_of_padding_become_0(q, k, v, ids):
    return scores_of(q, k).masked_fill(padding_of(ids), 0.0).softmax(dim=-1) @ v


def masked_after_the_softmax(q, k, v, ids):
    return (scores_of(q, k).softmax(dim=-1) * ~padding_of(ids)) @ v


def the_null_caption_has_no_words(q, k, v, ids):
    weights = scores_of(q, k).masked_fill((ids == 0)[:, None], -math.inf).softmax(dim=-1)
    return weights.nan_to_num() @ v


def the_mask_of_the_first_caption_for_all(q, k, v, ids):
    return scores_of(q, k).masked_fill(padding_of(ids[:1]), -math.inf).softmax(dim=-1) @ v


WRONG = [
    without_a_mask,
    without_the_root,
    softmax_over_the_patches,
    scores_of_padding_become_0,
    masked_after_the_softmax,
    the_null_caption_has_no_words,
    the_mask_of_the_first_caption_for_all,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
