"""A network as a velocity, whether it predicts the velocity or the data."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.flow.path import Target, velocity_from_data


class FlowModel(nn.Module):
    """The velocity of a network that predicts the velocity ("v") or the data ("x").

    In both cases the loss is that of the velocity (Li and He 2025, table 1: "v-loss").
    """

    def __init__(self, network: nn.Module, target: Target = "v") -> None:
        super().__init__()
        self.network, self.target = network, target

    @property
    def null(self) -> Int[Tensor, " T"]:
        """The null condition."""
        return self.network.condition.null  # pyright: ignore[reportReturnType]

    def forward(
        self,
        x_t: Float[Tensor, "B *D"],
        t: Float[Tensor, " B"],
        condition: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B *D"]:
        """Return the velocity at x_t."""
        predicted = self.network(x_t, t, condition)
        return predicted if self.target == "v" else velocity_from_data(x_t, predicted, t)
