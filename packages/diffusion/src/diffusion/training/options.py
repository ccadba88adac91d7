"""Options of `diffusion train`, with defaults for each task and stage."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro
from tyro.conf import arg

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.data.captions import WordTokenizer
from diffusion.flow.path import Target
from diffusion.flow.times import TimeDistribution
from diffusion.model.dit import DiTConfig
from diffusion.model.flow_model import ConditionKind, FlowModelConfig
from diffusion.model.point_network import PointNetworkConfig
from diffusion.model.unet import UNetConfig
from diffusion.training.folder import DiffusionFolder
from diffusion.training.prompts import LabelNames, Prompts
from gpt.errors import BadInput
from gpt.runs.options import RunOptions
from gpt.training.config import LoopConfig

TaskName = Literal["flow2d", "digits", "shapes", "emoji", "images"]
Stage = Literal["pixel", "vae", "clip", "latent"]

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
    """Data: points on a ring (flow2d), handwritten digits of 8 x 8 pixels, drawn shapes, emoji, or
    your own images (see --data)."""
    stage: Stage = "pixel"
    """What is trained: a flow model of the data itself (pixel), an autoencoder (vae), a flow model
    of its latents (latent), or an encoder of captions, by CLIP (clip)."""
    condition: ConditionKind = "class"
    """What a sample is asked for by: nothing, a class, or a caption (text)."""
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

    data: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """Your images, for --task images: a folder (with a sub-folder per class, or captions.csv), the
    files of MNIST or CIFAR-10 (binary), or hub:OWNER/NAME."""
    size: Literal[32, 64] = 32
    """Pixels per side of an emoji or of your images. 64 shows more detail; emoji then have one
    style only."""
    n_names: int = 240
    """Names of emoji that are learned, each in every style. More take longer."""
    copies: int = 8
    """Copies of each emoji in the training data, all but one shifted, mirrored and tinted.
    More make the model depend less on single pixels."""
    vae: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """Autoencoder of the latent stage: the folder of its run, or its file."""
    clip: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """CLIP whose caption encoder a model with captions uses: the folder of its run, or its file.
    Without it, an encoder is trained together with the model."""
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
            BadInput: one of them is out of its range.
        """
        super().__post_init__()
        if self.copies < 1:
            raise BadInput(f"copies must be at least 1, got {self.copies}")
        if not 0 <= self.kl_weight < math.inf:
            raise BadInput(f"kl_weight must be a number from 0 up, got {self.kl_weight}")
        if not 0 <= self.drop_rate < 1:
            raise BadInput(f"drop_rate must lie in [0, 1), got {self.drop_rate}")

    def refuse_contradictions(self) -> None:
        """Check that the options fit together; the defaults of the task are known by then.

        Raises:
            BadInput: they do not.
        """
        if self.task == "flow2d" and self.stage != "pixel":
            raise BadInput(f"points have no {self.stage} stage; leave --stage out")
        if self.task == "flow2d" and self.condition == "text":
            raise BadInput("points have no captions; condition must be none or class, got text")
        if (self.task == "images") != (self.data is not None):
            raise BadInput(
                "the task images needs --data, and only it; got task "
                f"{self.task} and data {self.data}"
            )
        if self.clip is not None and self.condition != "text":
            raise BadInput(f"a CLIP is of no use with condition {self.condition}; leave out --clip")
        if (self.stage == "latent") != (self.vae is not None):
            raise BadInput(
                "the latent stage needs an autoencoder, and only it: train one with --stage vae, "
                f"then give its run with --vae; got stage {self.stage} and vae {self.vae}"
            )

    def with_defaults(self) -> "TrainConfig":
        """Defaults for options that are not given: those of the resumed run, or of the task."""
        if self.resume is not None:
            return self.saved(self.resume)
        return recipe(self.task, self.stage)


TEXT_LOOP = dataclasses.replace(
    DIFFUSION_LOOP, optimizer="muon", muon_learning_rate=0.02, learning_rate=3e-3
)
RECIPES: dict[tuple[str, str], TrainConfig] = {
    ("flow2d", "pixel"): TrainConfig(
        task="flow2d",
        condition="none",
        batch_size=512,
        loop=dataclasses.replace(DIFFUSION_LOOP, steps=2000),
    ),
    **{
        (task, "pixel"): TrainConfig(
            task=task,
            condition="text",
            target="x",
            patch_size=4,
            d_model=192,
            n_layers=6,
            n_heads=6,
            positions="rotary",
            qk_norm=True,
            drop_rate=0.15,
            loop=TEXT_LOOP,
        )
        for task in ("shapes", "emoji", "images")
    },
}
"""Defaults of a task and stage where they differ from those of digits."""
VAE_LOOP = dataclasses.replace(DIFFUSION_LOOP, learning_rate=4e-3, beta2=0.95)
CLIP_LOOP = dataclasses.replace(
    DIFFUSION_LOOP, steps=1500, learning_rate=1e-3, weight_decay=0.1, ema_decay=0.0
)


def recipe(task: TaskName, stage: Stage) -> TrainConfig:
    """Return the default options of a task and stage."""
    pixel = RECIPES.get((task, "pixel"), TrainConfig())
    if task == "flow2d" or stage == "pixel":
        return pixel
    if stage == "vae":
        return dataclasses.replace(pixel, stage="vae", batch_size=16, loop=VAE_LOOP)
    if stage == "clip":
        return dataclasses.replace(pixel, stage="clip", patch_size=4, loop=CLIP_LOOP)
    return dataclasses.replace(pixel, stage="latent", patch_size=2)


def flow_model_config(
    config: TrainConfig, shape: tuple[int, ...], prompts: Prompts | None, clip: CLIPConfig | None
) -> FlowModelConfig:
    """Return the config of a flow model.

    Args:
        config: the options of the run.
        shape: shape of an example.
        prompts: the classes or words that the model is to know.
        clip: the trained CLIP whose caption encoder the model uses, if there is one.

    Raises:
        BadInput: the shape of the network does not fit the examples.
    """
    n_labels = len(prompts.names) if isinstance(prompts, LabelNames) else 0
    captions = None
    if isinstance(prompts, WordTokenizer):
        captions = clip or CLIPConfig(
            prompts.vocab_size, prompts.context, caption_tower=TowerConfig(n_layers=2)
        )
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
    is_frozen = clip is not None
    return FlowModelConfig(network, config.target, config.condition, n_labels, captions, is_frozen)
