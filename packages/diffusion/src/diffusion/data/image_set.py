"""A data set of images, each with a label and a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class ImageSet:
    """Images with a label and a caption each."""

    images: Float[Tensor, "N C height width"]
    """Numbers in [-1, 1]: -1 is black, 1 is white (or full colour)."""
    labels: Int[Tensor, " N"]
    """Class of each image, an index of `label_names`."""
    captions: list[str]
    """Caption of each image."""
    label_names: tuple[str, ...]
    """Names of the classes."""

    def select(self, rows: Sequence[int]) -> "ImageSet":
        """Return the images with these row numbers."""
        index = torch.as_tensor(rows, dtype=torch.long)
        captions = [self.captions[row] for row in rows]
        return ImageSet(self.images[index], self.labels[index], captions, self.label_names)

    def __len__(self) -> int:
        return len(self.images)
