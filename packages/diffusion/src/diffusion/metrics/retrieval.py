"""Retrieval: how many names a judge ranks above the name that a sample was drawn for.

A judge gives each sample a score per name. Rank 1 is the best, and top-k is the share of samples
whose right name is among the first k. With 1,500 names, chance is 1 in 1,500 at k = 1. Names that
tie with the right one count before it, so a judge that scores all names alike earns nothing.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.metrics.checks import check_rows
from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, wilson_interval


class HitCount(NamedTuple):
    """Number of samples that pass a test, and number of all samples."""

    hits: int
    n: int

    @property
    def share(self) -> float:
        """Hits as a share of all samples."""
        return self.hits / self.n

    def interval(self) -> Interval:
        """Return the share with its 95 % interval."""
        return wilson_interval(self.share, self.n)


def name_scores(
    samples: Float[Tensor, "B D"],
    references: Float[Tensor, "N D"],
    names: Int[Tensor, " N"],
    n_names: int,
) -> Float[Tensor, "B n_names"]:
    """Return each sample's cosine similarity to the most similar reference of each name.

    A name without a reference scores -infinity, so it is never found.
    """
    check_rows(1, references=references, samples=samples)
    cosines = F.normalize(samples, dim=-1) @ F.normalize(references, dim=-1).T
    best = cosines.new_full((len(samples), n_names), -torch.inf)
    return best.scatter_reduce(1, repeat(names, "n -> b n", b=len(samples)), cosines, "amax")


def ranks(scores: Float[Tensor, "B N"], right: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
    """Return the rank of the right name: 1 plus the number of other names that score as high.

    Raises:
        BadInput: the right name of a sample is not a column of the scores, has no reference, or a
            score is NaN.
    """
    if len(right) and not 0 <= int(right.min()) <= int(right.max()) < scores.shape[1]:
        raise BadInput(f"names are 0 to {scores.shape[1] - 1}, got {right.tolist()}")
    of_right = scores.gather(1, right[:, None])
    if scores.isnan().any() or of_right.isinf().any():
        raise BadInput("every right name needs a finite score, got NaN or a name without reference")
    return (scores >= of_right).sum(dim=1)  # the right name itself is the 1


def top_k(ranks_of_right: Int[Tensor, " B"], k: int) -> HitCount:
    """Count the samples whose right name has a rank of at most k.

    Raises:
        BadInput: there are no ranks, or k is below 1.
    """
    n = len(ranks_of_right)
    if k < 1 or n < 1:
        raise BadInput(f"top-k needs k of at least 1 and some ranks, got k={k}, {n} ranks")
    return HitCount(int((ranks_of_right <= k).sum()), n)


def farther_others(
    samples: Float[Tensor, "B D"], truth: Float[Tensor, "B D"], others: Float[Tensor, "B S D"]
) -> Float[Tensor, " B"]:
    """Return the share of each sample's other drawings that are farther from the truth than it.

    The share is about 1/2 if the sample is as far from the truth as other drawings usually are. A
    tie counts against the sample.
    """
    check_rows(1, samples=samples, truth=truth)
    distances = (others - truth[:, None]).norm(dim=-1)
    return (distances > (samples - truth).norm(dim=-1)[:, None]).float().mean(dim=1)


def most_like_truth(
    samples: Float[Tensor, "B D"], truth: Float[Tensor, "B D"], others: Float[Tensor, "B S D"]
) -> HitCount:
    """Count the samples that are nearer to the truth than to every one of their S other drawings.

    A tie counts against the sample; chance is 1 / (S + 1).
    """
    check_rows(1, samples=samples, truth=truth)
    nearest_other = (others - samples[:, None]).norm(dim=-1).amin(dim=1)
    return HitCount(int(((samples - truth).norm(dim=-1) < nearest_other).sum()), len(samples))
