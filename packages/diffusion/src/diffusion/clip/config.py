"""The shape of a CLIP."""

from dataclasses import dataclass
from typing import Any, Literal

from gpt.errors import BadInput


@dataclass(frozen=True)
class TowerConfig:
    """Shape of one tower."""

    d_model: int = 128
    """Width of the residual stream. The feed-forward layer is four times as wide."""
    n_layers: int = 4
    """Number of blocks."""
    n_heads: int = 4
    """Attention heads per block."""

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            BadInput: a number is below 1, or the heads do not divide the width.
        """
        for name in ("d_model", "n_layers", "n_heads"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.d_model % self.n_heads:
            raise BadInput(f"n_heads {self.n_heads} does not divide d_model {self.d_model}")


@dataclass(frozen=True)
class CLIPConfig:
    """Shape of both towers; the defaults suit images of 32 x 32 pixels."""

    vocab_size: int
    """Number of word ids; 0 is padding, and the largest is the end token."""
    context: int
    """Largest number of words per caption, with the end token."""
    size: int = 32
    """Pixels per side of an image."""
    n_channels: int = 3
    """Numbers per pixel of an image: 1 for grey, 3 for colour."""
    patch_size: int = 4
    """Pixels per side of a patch. Half the size makes four times as many patches."""
    d_embedding: int = 128
    """Width of the vectors that images and captions are compared by."""
    image_tower: TowerConfig = TowerConfig()
    """Shape of the image tower."""
    caption_tower: TowerConfig = TowerConfig()
    """Shape of the caption tower."""
    activation: Literal["gelu", "quick-gelu"] = "gelu"
    """Activation of the feed-forward layers; OpenAI's weights need quick-gelu."""

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            BadInput: a number is below 1, or the patches do not tile the image.
        """
        names = ("vocab_size", "context", "size", "n_channels", "patch_size", "d_embedding")
        for name in names:
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.size % self.patch_size:
            raise BadInput(
                f"patch_size {self.patch_size} does not divide the image size {self.size}"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CLIPConfig":
        """Return the config from the plain values that `dataclasses.asdict` makes of one."""
        towers = {name: TowerConfig(**values[name]) for name in ("image_tower", "caption_tower")}
        return cls(**{**values, **towers})
