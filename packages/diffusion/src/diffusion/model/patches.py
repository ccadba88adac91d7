"""An image as a sequence: cut it into squares, and write the numbers of each in a row.

Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1.
"""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def patchify(images: Float[Tensor, "B C height width"], size: int) -> Float[Tensor, "B N numbers"]:
    """Cut images into patches of size x size pixels, from left to right and top to bottom.

    The numbers of a patch are in the order row, column, channel.
    """
    return rearrange(images, "B C (h p) (w q) -> B (h w) (p q C)", p=size, q=size)


def unpatchify(
    patches: Float[Tensor, "B N numbers"], size: int, n_rows: int
) -> Float[Tensor, "B C height width"]:
    """Put `n_rows` rows of patches back together: the inverse of `patchify`."""
    return rearrange(patches, "B (h w) (p q C) -> B C (h p) (w q)", p=size, q=size, h=n_rows)
