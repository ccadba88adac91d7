import pytest
import torch
import torch.nn.functional as F

from diffusion.metrics.name_judge import train_judge
from diffusion.metrics.retrieval import name_scores, ranks, top_k


def jitter(images, generator):
    """Move each image by up to two pixels, mirror half of them, and change the colours a little."""
    n, _, height, width = images.shape
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    places = torch.randint(5, (n, 2), generator=generator).tolist()
    moved = torch.stack(
        [
            image[:, y : y + height, x : x + width]
            for image, (y, x) in zip(padded, places, strict=True)
        ]
    )
    mirrored = torch.rand(n, 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirrored, moved.flip(-1), moved) + 0.1 * torch.randn(
        n, 3, 1, 1, generator=generator
    )


def smooth_images(n, size, generator):
    coarse = torch.randn(n, 3, 5, 5, generator=generator)
    return F.interpolate(coarse, size=size, mode="bilinear").tanh()


@pytest.fixture(scope="module")
def judged():
    """A judge of 12 names in two styles (the second inverted in one channel), and its images."""
    generator = torch.Generator().manual_seed(0)
    first = smooth_images(12, 16, generator)
    images = torch.cat([first, first * torch.tensor([1.0, 1, -1])[:, None, None]])
    names = torch.arange(12).repeat(2)
    return train_judge(images, names, jitter, generator, steps=60), images, names


def test_the_judge_knows_augmented_drawings(judged):
    judge, images, names = judged
    changed = jitter(images, torch.Generator().manual_seed(1))
    assert top_k(judge.rank_names(changed, names), 1).share > 0.95


def test_the_judge_finds_nothing_in_noise(judged):
    judge, images, names = judged
    noise = torch.rand(images.shape).repeat(20, 1, 1, 1) * 2 - 1
    assert top_k(judge.rank_names(noise, names.repeat(20)), 1).share < 0.3


def test_scores_are_log_probabilities(judged):
    judge, images, _ = judged
    torch.testing.assert_close(judge.scores(images).exp().sum(dim=1), torch.ones(24))


def test_features_find_names_among_references(judged):
    judge, images, names = judged
    changed = judge.features(jitter(images, torch.Generator().manual_seed(2)))
    found = ranks(name_scores(changed, judge.features(images), names, 12), names)
    assert top_k(found, 1).share > 0.9
