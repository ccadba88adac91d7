"""Diversity within a class: how different samples of one label are from each other.

Strong guidance makes every sample of a class alike, which accuracy rewards and this ratio shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from diffusion.data.image_set import ImageSet
from diffusion.metrics.checks import check_rows
from gpt.errors import BadInput


def mean_pairwise_distance(rows: Float[Tensor, "N ..."]) -> float:
    """Return the mean Euclidean distance between two different rows."""
    check_rows(2, rows=rows)
    return torch.pdist(rows.flatten(1).double()).mean().item()


def class_diversity(samples: ImageSet, real: ImageSet) -> float:
    """Return the mean pairwise distance within a class, as a ratio to that of real images.

    The ratio is averaged over the labels that occur in the samples; 1 = as varied as real images.

    Raises:
        BadInput: a label of the samples has fewer than two samples or real images.
    """
    ratios = []
    for label in samples.labels.unique():
        ours, theirs = (each.images[each.labels == label] for each in (samples, real))
        if min(len(ours), len(theirs)) < 2:
            raise BadInput(
                f"diversity needs two images of each label, got {len(ours)} samples and "
                f"{len(theirs)} real images of {samples.label_names[int(label)]!r}"
            )
        ratios.append(mean_pairwise_distance(ours) / mean_pairwise_distance(theirs))
    return sum(ratios) / len(ratios)
