r"""DiT, a transformer for images (Peebles and Xie 2023): the blocks of `gpt` with a modulation.

    x = patches + positions,   c = time + condition
    x = x + gate_1(c) * attention(modulate_1(x, c))       n_layers times,
    x = x + gate_2(c) * mlp(modulate_2(x, c))             then
    y = linear(modulate(x, c)),   put together to an image

Every patch attends to all others, because an image has no reading order. The output layer also
starts at 0, so the first prediction is 0 everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.model.conditions import Condition
from diffusion.model.cross_attention import CrossAttention
from diffusion.model.modulation import BlockModulation, Modulation, modulate
from diffusion.model.patches import patchify, unpatchify
from diffusion.model.positions import GridRotation, GridSinusoids
from diffusion.model.time_embedding import TimeEmbedding
from gpt.errors import BadInput
from gpt.model.attention import full_attention
from gpt.model.feed_forward import make_feed_forward
from gpt.model.heads import MultiHeadAttention
from gpt.model.norms import RMSNorm

Rotate = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class DiTConfig:
    """Shape of a DiT; the defaults suit grey images of 8 x 8 pixels."""

    n_channels: int = 1
    """Numbers per pixel: 1 for grey, 3 for colour, or the channels of a latent image."""
    size: int = 8
    """Pixels per side of an image, or positions per side of a latent image."""
    patch_size: int = 2
    """Pixels per side of a patch. Half the size makes four times as many patches."""
    n_layers: int = 4
    """Number of blocks."""
    n_heads: int = 4
    """Attention heads per block."""
    d_model: int = 128
    """Width of the residual stream."""
    d_ff: int = 512
    """Width inside the feed-forward layer."""
    positions: Literal["sinusoidal", "rotary"] = "sinusoidal"
    """Sinusoids added to the patches, or a rotation of queries and keys by column and row."""
    qk_norm: bool = False
    """Normalise queries and keys, which keeps attention scores small at high learning rates."""
    cross_attention: bool = False
    """Let every block attend to the words of a caption."""
    mlp_norm_eps: float = 1e-6
    """Added to the variance in the norm before each feed-forward layer, against a division by 0.
    Models that were trained in diffusers have 1e-5."""

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            BadInput: a number is below 1, or one does not divide another.
        """
        names = ("n_channels", "size", "patch_size", "n_layers", "n_heads", "d_model", "d_ff")
        for name in names:
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.size % self.patch_size:
            raise BadInput(
                f"patch_size {self.patch_size} does not divide the image size {self.size}"
            )
        if self.d_model % (4 * self.n_heads):
            raise BadInput(
                f"d_model must be a multiple of 4 x n_heads, got {self.d_model} with "
                f"{self.n_heads} heads; the positions need four equal parts of each head"
            )

    @property
    def patches_per_side(self) -> int:
        """Patches from left to right, and from top to bottom."""
        return self.size // self.patch_size


class DiTBlock(nn.Module):
    """Attention among patches, cross-attention to words if there are any, and a feed-forward."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        d_model, n_heads = config.d_model, config.n_heads
        d_head = d_model // n_heads
        self.attention = MultiHeadAttention(d_model, n_heads, n_heads, d_head, bias=True)
        self.attention.attend = full_attention
        self.qk_norm = RMSNorm(d_head) if config.qk_norm else nn.Identity()
        self.cross_attention = CrossAttention(d_model, n_heads) if config.cross_attention else None
        self.mlp = make_feed_forward("gelu", d_model, config.d_ff, bias=True)
        self.mlp_norm_eps = config.mlp_norm_eps
        self.modulation = Modulation(d_model, 6)
        # an attribute, so that `model/fast.py` can replace it
        self.modulate: Callable[..., Tensor] = modulate

    def forward(
        self, x: Float[Tensor, "B N D"], condition: Condition, rotate: Rotate
    ) -> Float[Tensor, "B N D"]:
        """Add the output of each layer to the residual stream, times its gate if it has one."""
        m = BlockModulation(*self.modulation(condition.vector))
        h = self.modulate(x, m.attention_shift, m.attention_scale)
        x = x + m.attention_gate * self.attention(h, lambda each: rotate(self.qk_norm(each)))
        if self.cross_attention is not None and condition.words is not None:
            x = x + self.cross_attention(x, condition.words, condition.mask)
        h = self.modulate(x, m.mlp_shift, m.mlp_scale, self.mlp_norm_eps)
        return x + m.mlp_gate * self.mlp(h)


class DiT(nn.Module):
    """The network: from a noisy image, its time and its condition to a prediction per pixel."""

    def __init__(self, config: DiTConfig, condition: nn.Module) -> None:
        super().__init__()
        self.config, self.condition = config, condition
        d_model, side = config.d_model, config.patches_per_side
        numbers = config.patch_size**2 * config.n_channels
        self.patches = nn.Linear(numbers, d_model)
        self.time = TimeEmbedding(d_model)
        self.blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.n_layers))
        self.modulation, self.modulate = Modulation(d_model, 2), modulate
        self.output = nn.Linear(d_model, numbers)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.positions = self.rotation = nn.Identity()
        if config.positions == "rotary":
            self.rotation = GridRotation(side, d_model // config.n_heads)
        else:
            self.positions = GridSinusoids(side, d_model)

    def forward(
        self,
        x: Float[Tensor, "B C height width"],
        t: Float[Tensor, " B"],
        ids: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B C height width"]:
        """Predict the target at every pixel (see `flow_model`)."""
        return self.predict(x, t, self.condition(ids))

    def predict(
        self, x: Float[Tensor, "B C height width"], t: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, "B C height width"]:
        """Predict the target for a condition that is already encoded."""
        config = self.config
        condition = condition._replace(vector=condition.vector + self.time(t))
        h = self.positions(self.patches(patchify(x, config.patch_size)))  # B N D
        for block in self.blocks:
            h = block(h, condition, self.rotation)
        shift, scale = self.modulation(condition.vector)
        h = self.output(self.modulate(h, shift, scale))  # B N numbers
        return unpatchify(h, config.patch_size, config.patches_per_side)
