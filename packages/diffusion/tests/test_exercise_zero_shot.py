"""The check of `zero_shot` refuses common mistakes."""

import pytest
import torch
from torch.nn.functional import normalize

from diffusion.exercises.check_zero_shot import check
from diffusion.exercises.solutions.zero_shot import zero_shot


def without_lengths(images, captions):
    return (images @ captions.mean(dim=1).T).argmax(dim=1)


def averages_before_it_normalises(images, captions):
    return (images @ normalize(captions.mean(dim=1), dim=-1).T).argmax(dim=1)


def never_normalises_the_means(images, captions):
    return (images @ normalize(captions, dim=-1).mean(dim=1).T).argmax(dim=1)


def first_caption_only(images, captions):
    return (images @ normalize(captions[:, 0], dim=-1).T).argmax(dim=1)


def best_caption_only(images, captions):
    cosines = torch.einsum("ne,kte->nkt", images, normalize(captions, dim=-1))
    return cosines.amax(dim=-1).argmax(dim=1)


def normalises_over_the_names(images, captions):
    means = normalize(captions, dim=0).mean(dim=1)
    return (images @ normalize(means, dim=-1).T).argmax(dim=1)


def ignores_the_sign(images, captions):
    means = normalize(normalize(captions, dim=-1).mean(dim=1), dim=-1)
    return (images @ means.T).abs().argmax(dim=1)


def names_of_captions(images, captions):
    means = normalize(normalize(captions, dim=-1).mean(dim=1), dim=-1)
    return (images @ means.T).argmax(dim=0)


WRONG = [
    without_lengths,
    averages_before_it_normalises,
    never_normalises_the_means,
    first_caption_only,
    best_caption_only,
    normalises_over_the_names,
    ignores_the_sign,
    names_of_captions,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)


def test_with_one_caption_per_name_it_finds_the_largest_cosine():
    images, captions = torch.randn(20, 5), torch.randn(6, 1, 5)
    cosines = torch.cosine_similarity(images[:, None], captions[:, 0], dim=-1)
    assert zero_shot(images, captions).tolist() == cosines.argmax(dim=1).tolist()
