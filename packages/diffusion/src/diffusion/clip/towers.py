r"""The two towers of CLIP: a transformer for images and one for captions.

Radford et al. 2021, "Learning Transferable Visual Models", section 2.4. Both consist of gpt's
pre-norm blocks and end in a vector of the same width. Weights of open_clip's models of this
architecture fit.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.model.patches import patchify
from gpt.model.attention import full_attention
from gpt.model.blocks import PreNormBlock
from gpt.model.feed_forward import FeedForward
from gpt.model.heads import MultiHeadAttention
from gpt.model.norms import LayerNorm


def quick_gelu(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    r"""Approximate GELU by x * sigmoid(1.702 x), as OpenAI's weights expect.

    (Hendrycks and Gimpel 2016, section 2)
    """
    return x * torch.sigmoid(1.702 * x)


TOWER_ACTIVATIONS = {"gelu": F.gelu, "quick-gelu": quick_gelu}


def tower_blocks(config: TowerConfig, activation: str, causal: bool) -> nn.ModuleList:
    """Return the blocks of a tower."""
    d, n_heads = config.d_model, config.n_heads
    blocks = nn.ModuleList()
    for _ in range(config.n_layers):
        attention = MultiHeadAttention(d, n_heads, n_heads, d // n_heads, bias=True)
        if not causal:
            attention.attend = full_attention
        mlp = FeedForward(d, 4 * d, bias=True, activation=TOWER_ACTIVATIONS[activation])
        blocks.append(PreNormBlock(attention, mlp, LayerNorm(d), LayerNorm(d), p_dropout=0.0))
    return blocks


class ImageTower(nn.Module):
    """A vision transformer over the patches of an image and a class token.

    The vector of the image is a projection of the last state of the class token.
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        tower, self.patch_size = config.image_tower, config.patch_size
        d, scale = tower.d_model, tower.d_model**-0.5
        n_patches = (config.size // config.patch_size) ** 2
        self.patches = nn.Linear(config.n_channels * config.patch_size**2, d, bias=False)
        self.class_token = nn.Parameter(scale * torch.randn(d))
        self.positions = nn.Parameter(scale * torch.randn(n_patches + 1, d))
        self.first_norm, self.last_norm = LayerNorm(d), LayerNorm(d)
        self.blocks = tower_blocks(tower, config.activation, causal=False)
        self.projection = nn.Parameter(scale * torch.randn(d, config.d_embedding))

    def forward(self, images: Float[Tensor, "B C height width"]) -> Float[Tensor, "B E"]:
        """Return the vector of each image."""
        patches = self.patches(patchify(images, self.patch_size))
        class_token = repeat(self.class_token, "D -> B 1 D", B=len(images))
        x = self.first_norm(torch.cat([class_token, patches], dim=1) + self.positions)
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x[:, 0]) @ self.projection


class CaptionTower(nn.Module):
    """A causal transformer over the words of a caption.

    The vector of a caption is a projection of the state at its end token, which has the largest id
    of all. Padding (id 0) comes after the end token, and attention is causal, so padding changes
    neither the vector nor any state up to the end token.
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        tower = config.caption_tower
        d = tower.d_model
        self.words = nn.Embedding(config.vocab_size, d)
        nn.init.normal_(self.words.weight, std=0.02)
        self.positions = nn.Parameter(0.01 * torch.randn(config.context, d))
        self.blocks = tower_blocks(tower, config.activation, causal=True)
        self.norm = LayerNorm(d)
        self.projection = nn.Parameter(d**-0.5 * torch.randn(d, config.d_embedding))

    def states(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Return the state at every word, which cross-attention reads."""
        x = self.words(ids) + self.positions[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def vector(
        self, ids: Int[Tensor, "B T"], states: Float[Tensor, "B T D"]
    ) -> Float[Tensor, "B E"]:
        """Return the vector of each caption from its states."""
        ends = ids.argmax(dim=1)
        return states[torch.arange(len(ids), device=ids.device), ends] @ self.projection

    def forward(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B E"]:
        """Return the vector of each caption."""
        return self.vector(ids, self.states(ids))


class CLIPOutput(NamedTuple):
    """Vectors of length 1 for images and captions, and the factor on their cosines."""

    images: Float[Tensor, "B E"]
    captions: Float[Tensor, "B E"]
    scale: Float[Tensor, ""]


class CLIP(nn.Module):
    """Both towers, and the scale of their scores."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.image_tower, self.caption_tower = ImageTower(config), CaptionTower(config)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def forward(
        self, images: Float[Tensor, "B C height width"], captions: Int[Tensor, "B T"]
    ) -> CLIPOutput:
        """Return the vectors of images and captions, with the scale."""
        image_vectors, caption_vectors = self.image_tower(images), self.caption_tower(captions)
        return CLIPOutput(
            F.normalize(image_vectors, dim=-1),
            F.normalize(caption_vectors, dim=-1),
            self.log_scale.exp(),
        )


class CaptionEncoder(nn.Module):
    """A caption tower in the form that `CaptionCondition` expects."""

    def __init__(self, tower: CaptionTower) -> None:
        super().__init__()
        self.tower = tower

    def freeze(self) -> "CaptionEncoder":
        """Keep the weights as they are: no gradient, and left out of checkpoints."""
        self.requires_grad_(False)
        return self

    def forward(
        self, ids: Int[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B E"]]:
        """Return the state of every word and the vector of every caption."""
        states = self.tower.states(ids)
        return states, self.tower.vector(ids, states)
