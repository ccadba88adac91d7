"""The data of a task as tensors: what is to be generated, and its condition as ids."""

import hashlib
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.data.digits import digits
from diffusion.data.image_set import ImageSet
from diffusion.flow.mixture import ring
from diffusion.model.flow_model import ConditionKind
from gpt.errors import BadInput

N_POINTS = 20_000


class Examples(NamedTuple):
    """Data to generate, with the condition of each example."""

    x: Float[Tensor, "N *D"]
    condition: Int[Tensor, "N T"]
    """Ids of the label or of the caption's words; no ids for an unconditional model."""


class TaskExamples(NamedTuple):
    """The examples of a task for training and for validation."""

    train: Examples
    held_out: Examples
    label_names: tuple[str, ...]
    """Names of the classes, if the condition is a class."""

    def sha256(self) -> str:
        """Return the checksum of everything that training reads."""
        sha = hashlib.sha256()
        for tensor in (*self.train, *self.held_out):
            sha.update(tensor.contiguous().numpy().tobytes())
        return sha.hexdigest()


def load_examples(task: str, condition: ConditionKind) -> TaskExamples:
    """Load the data of a task.

    Raises:
        BadInput: the task does not have this kind of condition.
    """
    if task == "flow2d":
        return ring_examples(condition)
    train, held_out = digits()
    conditions = (condition_ids(each, condition) for each in (train, held_out))
    pairs = zip((train, held_out), conditions, strict=True)
    train_examples, held_out_examples = (Examples(each.images, ids) for each, ids in pairs)
    return TaskExamples(train_examples, held_out_examples, train.label_names)


def condition_ids(images: ImageSet, condition: ConditionKind) -> Int[Tensor, "N T"]:
    """Return the condition of each image as ids."""
    if condition == "class":
        return images.labels[:, None]
    if condition == "none":
        return torch.zeros(len(images), 0, dtype=torch.long)
    raise BadInput("condition must be none or class for this task, got text")


def ring_examples(condition: ConditionKind) -> TaskExamples:
    """Return points from a ring of normal distributions, which are the classes."""
    mixture, generator = ring(), torch.Generator().manual_seed(0)
    names = tuple(f"component-{number}" for number in range(len(mixture.weights)))
    sets = []
    for n in (N_POINTS, N_POINTS // 10):
        points, components = mixture.sample(n, generator)
        ids = components[:, None] if condition == "class" else torch.zeros(n, 0, dtype=torch.long)
        sets.append(Examples(points, ids))
    if condition == "text":
        raise BadInput("points have no captions; condition must be none or class, got text")
    train, held_out = sets
    return TaskExamples(train, held_out, names)
