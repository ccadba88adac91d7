"""Options of `diffusion train`, with defaults for each task and stage."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro
from tyro.conf import arg

from diffusion.flow.path import Target
from diffusion.flow.times import TimeDistribution
from diffusion.model.dit import DiTConfig
from diffusion.model.flow_model import ConditionKind, FlowModelConfig
from diffusion.model.point_network import PointNetworkConfig
from diffusion.model.unet import UNetConfig
from diffusion.training.folder import DiffusionFolder
from gpt.errors import BadInput
from gpt.runs.options import RunOptions
from gpt.training.config import LoopConfig

TaskName = Literal["flow2d", "digits", "emoji"]
Stage = Literal["pixel", "vae", "latent"]

DIFFUSION_LOOP = LoopConfig(
    steps=3000,
    learning_rate=2e-3,
    min_lr_ratio=0.0,
    beta2=0.99,
    weight_decay=0.0,
    ema_decay=0.999,
    save_every=500,
)


@dataclass(frozen=True)
class TrainConfig(RunOptions):
    """Train a flow model, which turns noise into points or images."""

    command: ClassVar[str] = "diffusion train"
    folder_class: ClassVar[type[DiffusionFolder]] = DiffusionFolder

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = DIFFUSION_LOOP
    """Hyperparameters of the training loop."""
    batch_size: int = 128
    """Examples per step. More give steadier gradients, but slower steps."""
    name: str = "diffusion"
    task: TaskName = "digits"
    """Data: points on a ring (flow2d), handwritten digits of 8 x 8 pixels, or emoji."""
    stage: Stage = "pixel"
    """What is trained: a flow model of the data itself (pixel), an autoencoder (vae), or a flow
    model of its latents (latent)."""
    condition: ConditionKind = "class"
    """What a sample is asked for by: nothing or a class."""
    network: Literal["dit", "unet"] = "dit"
    """A transformer over patches, or a small U-Net of convolutions."""
    target: Target = "v"
    """What the network predicts, the velocity or the data. For patches with many numbers, the
    data is easier."""
    times: TimeDistribution = "logit-normal"
    """Distribution of the trained times. logit-normal visits the middle of the path more often."""
    drop_rate: float = 0.1
    """Fraction of training examples whose condition is dropped, which guidance needs.
    Higher trains the unconditional velocity more, and the conditional one less."""
    patch_size: int = 2
    """Pixels per side of a DiT's patch. Smaller patches show more detail, but are slower."""
    d_model: int = 128
    """Width of the network. Wider learns more per step, but is slower."""
    n_layers: int = 4
    """Blocks of a DiT. More learn more, but are slower."""
    n_heads: int = 4
    """Attention heads per block."""
    positions: Literal["sinusoidal", "rotary"] = "sinusoidal"
    """Position encoding of patches: added sinusoids, or a rotation of queries and keys."""
    qk_norm: bool = False
    """Normalise queries and keys, which keeps attention scores small at high learning rates."""

    size: Literal[32, 64] = 32
    """Pixels per side of an emoji. 64 shows more detail, but there is only one style."""
    n_names: int = 240
    """Names of emoji that are learned, each in every style. More take longer."""
    copies: int = 8
    """Copies of each emoji in the training data, all but one shifted, mirrored and tinted.
    More make the model depend less on single pixels."""
    vae: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """Autoencoder of the latent stage: the folder of its run, or its file."""
    latent_channels: int = 4
    """Numbers per position of an autoencoder's latent image. More keep more detail, but are
    harder to generate."""
    stage_channels: tuple[int, ...] = (32, 64, 64)
    """Channels of each stage of an autoencoder; every stage but the last halves the image."""
    kl_weight: float = 1e-2
    """Weight of the autoencoder's KL term. Higher makes latents more regular and images blurrier.
    It rises from 0 over the first tenth of the steps."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range, or options do not fit together.
        """
        super().__post_init__()
        if self.copies < 1:
            raise BadInput(f"copies must be at least 1, got {self.copies}")
        if not 0 <= self.kl_weight < math.inf:
            raise BadInput(f"kl_weight must be a number from 0 up, got {self.kl_weight}")
        if self.task == "flow2d" and self.stage != "pixel":
            raise BadInput(f"points have no {self.stage} stage; leave --stage out")
        if (self.stage == "latent") != (self.vae is not None):
            raise BadInput(
                "the latent stage needs an autoencoder, and only it: train one with --stage vae, "
                f"then give its run with --vae; got stage {self.stage} and vae {self.vae}"
            )
        if not 0 <= self.drop_rate < 1:
            raise BadInput(f"drop_rate must lie in [0, 1), got {self.drop_rate}")

    def with_defaults(self) -> "TrainConfig":
        """Defaults for options that are not given: those of the resumed run, or of the task."""
        if self.resume is not None:
            return self.saved(self.resume)
        return RECIPES.get((self.task, self.stage), TrainConfig())


RECIPES: dict[tuple[str, str], TrainConfig] = {
    ("emoji", "vae"): TrainConfig(
        task="emoji",
        stage="vae",
        batch_size=32,
        loop=dataclasses.replace(DIFFUSION_LOOP, beta2=0.95),
    ),
    ("flow2d", "pixel"): TrainConfig(
        task="flow2d",
        condition="none",
        batch_size=512,
        loop=dataclasses.replace(DIFFUSION_LOOP, steps=2000),
    ),
}
"""Defaults of a task and stage where they differ from those of digits."""


def flow_model_config(
    config: TrainConfig, shape: tuple[int, ...], n_labels: int
) -> FlowModelConfig:
    """Return the config of a flow model of examples of this shape.

    Raises:
        BadInput: the shape of the network does not fit the examples.
    """
    if len(shape) == 1:
        network = PointNetworkConfig(shape[0], config.d_model, config.n_layers)
    elif config.network == "unet":
        n_channels, size, _ = shape
        channels = (config.d_model // 2, config.d_model)
        network = UNetConfig(n_channels, size, channels, config.d_model)
    else:
        n_channels, size, _ = shape
        network = DiTConfig(
            n_channels=n_channels,
            size=size,
            patch_size=config.patch_size,
            n_layers=config.n_layers,
            n_heads=config.n_heads,
            d_model=config.d_model,
            d_ff=4 * config.d_model,
            positions=config.positions,
            qk_norm=config.qk_norm,
            cross_attention=config.condition == "text",
        )
    return FlowModelConfig(network, config.target, config.condition, n_labels)
