"""A flow model: a network that predicts the velocity or the data, used as a velocity."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from diffusion.clip.config import CLIPConfig
from diffusion.clip.towers import CaptionEncoder, CaptionTower
from diffusion.flow.path import Target, velocity_from_data
from diffusion.model.conditions import CaptionCondition, LabelCondition, NoCondition
from diffusion.model.dit import DiT, DiTConfig
from diffusion.model.point_network import PointNetwork, PointNetworkConfig
from diffusion.model.unet import UNet, UNetConfig

ConditionKind = Literal["none", "class", "text"]
NETWORKS: dict[Any, Any] = {
    DiTConfig: DiT,
    UNetConfig: UNet,
    PointNetworkConfig: PointNetwork,
}
"""The network of each config."""


class FlowModel(nn.Module):
    """The velocity of a network that predicts the velocity ("v") or the data ("x").

    In both cases the loss is that of the velocity (Li and He 2025, table 1: "v-loss").
    """

    def __init__(self, network: nn.Module, target: Target = "v") -> None:
        super().__init__()
        self.network, self.target = network, target

    @property
    def null(self) -> Int[Tensor, " T"]:
        """Ids of the null condition, for dropped rows and for guidance."""
        condition: Any = self.network.condition
        return condition.null

    def forward(
        self,
        x_t: Float[Tensor, "B *D"],
        t: Float[Tensor, " B"],
        condition: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B *D"]:
        """Return the velocity at x_t."""
        predicted = self.network(x_t, t, condition)
        return predicted if self.target == "v" else velocity_from_data(x_t, predicted, t)


@dataclass(frozen=True)
class FlowModelConfig:
    """Shape of a network, with its prediction and its condition."""

    network: DiTConfig | UNetConfig | PointNetworkConfig
    """Shape of the network."""
    target: Target = "v"
    """The prediction: the velocity, or the data."""
    condition: ConditionKind = "none"
    """Kind of condition: none, a class, or a caption (text)."""
    n_labels: int = 0
    """Number of classes, if the condition is a class."""
    captions: CLIPConfig | None = None
    """Shape of the caption encoder, if the condition is a caption."""
    is_encoder_frozen: bool = False
    """Whether the caption encoder is that of a trained CLIP, which training does not change."""

    @property
    def d_condition(self) -> int:
        """Width of the condition's vector."""
        network = self.network
        return network.d_condition if isinstance(network, UNetConfig) else network.d_model

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FlowModelConfig":
        """Return the config from the plain values that `dataclasses.asdict` makes of one.

        Raises:
            ValueError, KeyError, TypeError: they are not those of a config.
        """
        settings = {
            name: tuple(value) if isinstance(value, list) else value  # JSON has no tuples
            for name, value in values["network"].items()
        }
        captions = values["captions"]
        for network in NETWORKS:
            if settings.keys() == {field.name for field in fields(network)}:
                parts = {
                    "network": network(**settings),
                    "captions": None if captions is None else CLIPConfig.from_dict(captions),
                }
                return cls(**{**values, **parts})
        raise ValueError(f"no network has the settings {', '.join(settings)}")

    def build(self) -> FlowModel:
        """Build the model with new weights."""
        condition: nn.Module = NoCondition(self.d_condition)
        if self.condition == "class":
            condition = LabelCondition(self.n_labels, self.d_condition)
        if self.captions is not None:
            encoder = CaptionEncoder(CaptionTower(self.captions))
            condition = CaptionCondition(
                encoder.freeze() if self.is_encoder_frozen else encoder,
                self.captions.caption_tower.d_model,
                self.captions.d_embedding,
                self.captions.context,
                self.d_condition,
            )
            if isinstance(self.network, UNetConfig):
                condition.freeze_words()
        return FlowModel(NETWORKS[type(self.network)](self.network, condition), self.target)
