"""Measures of generated digits: readable, varied, covering the real ones, and not copies.

A single number misleads. Strong guidance reaches 100 % accuracy with samples that are all alike,
and a model that memorised its training images has perfect coverage. So each guidance weight gets a
row with all measures, each next to what real digits score.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.data.image_set import ImageSet
from diffusion.flow.guidance import Guidance
from diffusion.metrics.copies import near_copies
from diffusion.metrics.coverage import coverage
from diffusion.metrics.diversity import class_diversity
from diffusion.metrics.features import extract_features, train_classifier
from diffusion.metrics.frechet import frechet_distance
from diffusion.metrics.judge import DigitJudge
from gpt.errors import BadInput

FLOOR_SPLITS = 20
"""Random sets of training digits whose mean distance to held-out digits is the floor."""


@dataclass(frozen=True)
class DigitScores:
    """Measures of one set of samples, next to those of as many real digits."""

    guidance: float
    """Guidance weight."""
    guidance_end: float
    """Latest time at which the weight applied."""
    accuracy: float
    """Share of samples in which the judge reads their label."""
    coverage: float
    """Share of held-out digits with a sample near them; 0.9 for as many new training digits."""
    distance_ratio: float
    """Mean distance of held-out digits to the nearest sample, over that to training digits."""
    frechet: float
    """Frechet distance of features to held-out digits."""
    frechet_floor: float
    """The same distance for as many training digits."""
    copies: float
    """Share of samples as near to a training digit as the nearest twentieth of held-out digits."""
    diversity: float
    """Mean distance between samples of a class, over that between real digits."""


class DigitEvaluator:
    """Measures samples with a judge, features and a Frechet floor that are computed only once."""

    def __init__(self, train: ImageSet, held_out: ImageSet, n: int) -> None:
        if not 20 <= n <= len(held_out):
            raise BadInput(f"n must lie between 20 and {len(held_out)}, got {n}")
        self.train, self.held_out = train, held_out
        # equally many of each class, up to rounding
        self.labels = torch.arange(n) % len(train.label_names)
        self.judge = DigitJudge(train)
        generator = torch.Generator().manual_seed(0)
        self.features = train_classifier(train.images, train.labels, generator)
        self.real = extract_features(self.features, held_out.images)
        training = extract_features(self.features, train.images)
        floors = [
            frechet_distance(
                training[torch.randperm(len(training), generator=generator)[:n]], self.real
            )
            for _ in range(FLOOR_SPLITS)
        ]
        self.floor = sum(floors) / FLOOR_SPLITS

    def judge_accuracy(self) -> float:
        """Return the share of held-out digits that the judge reads right."""
        return self.judge.accuracy(self.held_out)

    def score(self, images: Float[Tensor, "N C height width"], guidance: Guidance) -> DigitScores:
        """Measure samples that were drawn for `labels`, in this order."""
        labels, names = self.labels, self.train.label_names
        samples = ImageSet(images, labels, [names[label] for label in labels], names)
        train, held_out = self.train.images, self.held_out.images
        covered = coverage(images, train, held_out, torch.Generator().manual_seed(0))
        return DigitScores(
            guidance=guidance.weight,
            guidance_end=guidance.end,
            accuracy=self.judge.accuracy(samples),
            coverage=covered.share,
            distance_ratio=covered.distance_ratio,
            frechet=frechet_distance(extract_features(self.features, images), self.real),
            frechet_floor=self.floor,
            copies=near_copies(images, train, held_out).samples,
            diversity=class_diversity(samples, self.held_out),
        )
