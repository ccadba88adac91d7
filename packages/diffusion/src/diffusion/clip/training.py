"""Training CLIP: batches with unique captions, the loss of all processes, and retrieval accuracy.

The loss of a pair depends on all others in the batch. So a batch is never split into micro-batches,
and several processes exchange their vectors before they compute scores.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.clip.loss import contrastive_loss, matching_pairs
from diffusion.clip.towers import CLIP
from gpt.errors import BadInput
from gpt.runs.processes import all_reduce, gather_rows, local_rows, n_processes
from gpt.training.accumulation import LossSum


class CLIPBatch(NamedTuple):
    """Images and their captions, row by row."""

    images: Float[Tensor, "B C height width"]
    captions: Int[Tensor, "B T"]

    def to(self, device: torch.device) -> "CLIPBatch":
        """Return the batch on a device."""
        return CLIPBatch(self.images.to(device), self.captions.to(device))


class GatherRows(torch.autograd.Function):
    """`gather_rows` with a gradient: each process gets those of all losses for its rows."""

    @staticmethod
    def forward(ctx, local: Tensor, n_rows: int) -> Tensor:  # pyright: ignore
        """Return the rows of all processes."""
        return gather_rows(local, n_rows)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore
        """Add up the gradients of all processes, and return the rows of this one."""
        total = gradient.contiguous().clone()
        if n_processes() > 1:
            dist.all_reduce(total)
        return local_rows(total), None


def clip_loss(model: nn.Module, batch: CLIPBatch) -> LossSum:
    """Return the contrastive loss, summed over the pairs of this process.

    The pairs of all processes are compared with each other, so several processes compute the same
    loss and gradient as one.
    """
    image_vectors, caption_vectors, scale = model(batch.images, batch.captions)
    n_pairs = int(all_reduce(len(batch.images))[0])
    # one message for both kinds of vectors
    vectors = torch.cat([image_vectors, caption_vectors], dim=1)
    gathered = GatherRows.apply(vectors, n_pairs)
    image_vectors, caption_vectors = gathered.chunk(2, dim=1)
    matches = matching_pairs(gather_rows(batch.captions, n_pairs))
    losses = contrastive_loss(scale * image_vectors @ caption_vectors.T, matches)
    return LossSum(local_rows(losses).sum(), len(batch.images))


class UniqueCaptionSampler:
    """The rows of each step: no caption occurs twice in a batch, and all occur equally often.

    Every epoch visits each caption at most once, in a random order; captions that do not fill a
    batch wait for the next epoch. If a caption has several images, each visit draws one of them.
    The rows depend on the seed and the step only, so a resumed run repeats them.
    """

    def __init__(self, captions: list[str], batch_size: int, seed: int) -> None:
        rows_of: dict[str, list[int]] = defaultdict(list)
        for row, caption in enumerate(captions):
            rows_of[caption].append(row)
        if not 2 <= batch_size <= len(rows_of):
            raise BadInput(
                f"batch_size must lie between 2 and the number of different captions, "
                f"{len(rows_of)}, got {batch_size}"
            )
        self.rows, self.batch_size, self.seed = list(rows_of.values()), batch_size, seed

    def __call__(self, step: int) -> list[int]:
        """Return the row numbers of a step."""
        epoch, number = divmod(step, len(self.rows) // self.batch_size)
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(len(self.rows))
        choice = random.random(len(self.rows))
        batch = order[number * self.batch_size : (number + 1) * self.batch_size]
        return [self.rows[each][int(choice[each] * len(self.rows[each]))] for each in batch]


@torch.no_grad()
def retrieval_top1(
    clip: CLIP,
    images: Float[Tensor, "N C height width"],
    captions: Int[Tensor, "N T"],
    batch_size: int = 256,
) -> float:
    """Return the fraction of images whose own caption scores highest among all different captions.

    Guessing finds one of N different captions.
    """
    different, own = captions.unique(dim=0, return_inverse=True)
    caption_vectors = torch.cat(
        [clip.caption_tower(batch) for batch in different.split(batch_size)]
    )
    # the length of an image's vector does not change the order of its scores
    scores = [
        clip.image_tower(batch) @ nn.functional.normalize(caption_vectors, dim=-1).T
        for batch in images.split(batch_size)
    ]
    return (torch.cat(scores).argmax(dim=1) == own).float().mean().item()
