"""A network for points in two dimensions, where the true velocity is known."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.model.time_embedding import TimeEmbedding
from gpt.errors import BadInput


@dataclass(frozen=True)
class PointNetworkConfig:
    """Shape of a network for points."""

    d_point: int = 2
    """Coordinates of a point."""
    d_model: int = 128
    """Width of the hidden layers."""
    n_layers: int = 3
    """Number of hidden layers."""

    def __post_init__(self) -> None:
        """Raise BadInput if a number is below 1."""
        for name in ("d_point", "d_model", "n_layers"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


class PointNetwork(nn.Module):
    """Residual layers that read the point; time and condition are added to the first of them."""

    def __init__(self, config: PointNetworkConfig, condition: nn.Module) -> None:
        super().__init__()
        self.config, self.condition = config, condition
        d_model = config.d_model
        self.time, self.point = TimeEmbedding(d_model), nn.Linear(config.d_point, d_model)
        self.layers = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(config.n_layers))
        self.output = nn.Linear(d_model, config.d_point)

    def forward(
        self, x: Float[Tensor, "B D"], t: Float[Tensor, " B"], ids: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B D"]:
        """Predict the target at each point."""
        h = self.point(x) + self.time(t) + self.condition(ids).vector
        for layer in self.layers:
            h = h + layer(F.silu(h))
        return self.output(torch.tanh(h))
