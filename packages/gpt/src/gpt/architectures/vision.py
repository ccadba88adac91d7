"""ViT: an encoder that reads an image as a sequence of patches.

Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1. An image is cut into squares,
each square becomes one row by a linear map, and the rest is an encoder. Departure: the mean of all
patches is classified instead of a class token, which appendix D.3 finds to work as well.
"""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from gpt.architectures.encoder import EncoderConfig, initialise_matrices, make_encoder_block
from gpt.errors import BadInput
from gpt.model.norms import NORMS
from gpt.model.positions import LearnedPositions


def image_patches(
    images: Float[Tensor, "B C height width"], size: int
) -> Float[Tensor, "B T patch"]:
    """Cut images into squares, row by row; the numbers of a square become one vector.

    Raises:
        BadInput: the squares do not fill the image.
    """
    height, width = images.shape[2:]
    if size < 1 or height % size or width % size:
        raise BadInput(f"an image of {height} x {width} cannot be cut into squares of {size}")
    return rearrange(images, "B C (rows p) (columns q) -> B (rows columns) (C p q)", p=size, q=size)


class VisionTransformer(nn.Module):
    """Images in, a score for each class out; `config.vocab_size` is the number of classes.

    The blocks of the paper are pre-norm: give `norm="pre"`. Positions are always learned.
    """

    def __init__(self, config: EncoderConfig, n_channels: int, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.patch_embedding = nn.Linear(n_channels * patch_size**2, config.d_model)
        self.positions = LearnedPositions(config.context, config.d_model)
        self.blocks = nn.ModuleList(make_encoder_block(config) for _ in range(config.n_layers))
        self.final_norm = NORMS[config.norm_kind](config.d_model, config.norm_eps)
        self.head = nn.Linear(config.d_model, config.vocab_size)
        initialise_matrices(self)

    def forward(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B V"]:
        """Return the logits of the classes."""
        x = self.patch_embedding(image_patches(images, self.patch_size))
        x = self.positions(x, slice(0, x.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.final_norm(x).mean(dim=1))
