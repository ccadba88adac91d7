r"""The contrastive loss: find the caption of each image, and the image of each caption.

    S_ij = scale cos(image_i, caption_j)
    L_i = (CE(row i of S, match_i) + CE(column i of S, match_i)) / 2   (Radford et al. 2021, fig. 3)

The more pairs in a batch, the harder the task. A model that has learned nothing guesses among the
B captions of the batch, at a loss of ln B; `has_left_chance` finds runs that never get below that.

If a caption occurs several times in a batch, its other images would count as wrong answers. Here
all images of an equal caption are right, with equal probabilities (Khosla et al. 2020, eq. 2).
"""

import math

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput


def matching_pairs(captions: Int[Tensor, "B T"]) -> Bool[Tensor, "B B"]:
    """Return which rows have equal captions; each row matches itself."""
    return (captions[:, None] == captions[None]).all(dim=-1)


def contrastive_loss(
    scores: Float[Tensor, "B B"], matches: Bool[Tensor, "B B"]
) -> Float[Tensor, " B"]:
    """Return the loss of each pair, in nats: the mean of both directions.

    Raises:
        BadInput: there is only one pair, for which the loss is always 0.
    """
    check_number_of_pairs(len(scores))
    targets = matches / matches.sum(dim=1, keepdim=True)
    of_images = -(targets * scores.log_softmax(dim=1)).sum(dim=1)
    of_captions = -(targets * scores.T.log_softmax(dim=1)).sum(dim=1)
    return (of_images + of_captions) / 2


def sigmoid_loss(scores: Float[Tensor, "B B"], matches: Bool[Tensor, "B B"]) -> Float[Tensor, " B"]:
    r"""Return the loss of each image if every pair is classified by itself, in nats.

    L_i = -sum_j log sigmoid(y_ij S_ij),   y = 1 for a match and -1 otherwise

    (Zhai et al. 2023, "SigLIP", section 3.2; S includes a learned bias.) Without a softmax over the
    batch, no pair needs the scores of the others.
    """
    signs = 2 * matches.to(scores.dtype) - 1
    return -F.logsigmoid(signs * scores).sum(dim=1)


def check_number_of_pairs(n_pairs: int) -> None:
    """Refuse a batch that has nothing to compare.

    Raises:
        BadInput: there are fewer than two pairs.
    """
    if n_pairs < 2:
        raise BadInput(f"a contrastive loss needs at least 2 pairs per batch, got {n_pairs}")


def chance_loss(batch_size: int) -> float:
    """Return the loss of guessing among the pairs of a batch: ln B."""
    return math.log(batch_size)


def has_left_chance(loss: float, batch_size: int) -> bool:
    """Whether a training loss is clearly below guessing: by at least 5 %.

    A run that stays at ln B has learned nothing. The usual causes are captions that do not belong
    to their images, or a learning rate that is too high.
    """
    return loss < 0.95 * chance_loss(batch_size)
