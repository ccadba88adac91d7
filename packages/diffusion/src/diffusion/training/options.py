"""Options of `diffusion train`, with defaults for each task and stage."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro
from tyro.conf import arg

from diffusion.flow.path import Target
from diffusion.flow.times import TimeDistribution
from diffusion.model.flow_model import ConditionKind
from diffusion.training.folder import DiffusionFolder
from gpt.errors import BadInput
from gpt.runs.options import RunOptions
from gpt.training.config import LoopConfig

TaskName = Literal["flow2d", "digits", "shapes", "emoji", "images"]
Stage = Literal["pixel", "vae", "clip", "latent"]

DIFFUSION_LOOP = LoopConfig(
    steps=2000,
    learning_rate=2e-3,
    min_lr_ratio=0.0,
    beta2=0.99,
    weight_decay=0.0,
    ema_decay=0.999,
    save_every=500,
)


@dataclass(frozen=True)
class TrainConfig(RunOptions):
    """Train a flow model, which turns noise into points or images, or a model that it builds on."""

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
    """Model to train: a flow model of the data itself (pixel), an autoencoder (vae), a flow model
    of the latents of an autoencoder (latent), or a CLIP, whose caption encoder other runs can use
    with --clip (clip)."""
    condition: ConditionKind = "class"
    """Condition of a flow model, which the prompts of `diffusion sample` name: none, a class, or a
    caption (text)."""
    network: Literal["dit", "unet"] = "dit"
    """Network of a flow model: a transformer over patches (dit), or a small U-Net of convolutions
    (unet), which knows captions by one vector only, not word by word."""
    target: Target = "v"
    """Prediction of the network: the velocity (v) or the data (x). For patches with many numbers,
    the data is easier."""
    times: TimeDistribution = "logit-normal"
    """Distribution of the times that a flow model is trained at. uniform visits all times alike,
    logit-normal the middle of the path more often."""
    drop_rate: float = 0.1
    """Fraction of training examples whose condition is dropped, so that guidance is possible.
    Higher trains the unconditional velocity more, and the conditional one less."""
    patch_size: int = 2
    """Pixels per side of a patch, in a DiT and in the image encoder of a CLIP. Smaller patches show
    more detail, but are slower."""
    d_model: int = 128
    """Width of the network, or of both encoders of a CLIP. Wider learns more per step, but is
    slower."""
    n_layers: int = 4
    """Blocks of a DiT, or of each encoder of a CLIP. More learn more, but are slower."""
    n_heads: int = 4
    """Attention heads per block. More attend to more places at once, each with fewer numbers."""
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
    """Number of emoji names to learn, each in every style. More let the model draw more things,
    but need longer training."""
    copies: int = 8
    """Copies of each emoji in the training data; all but one are shifted, mirrored or tinted.
    More make the model depend less on single pixels."""
    vae: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """Autoencoder of the latent stage: the folder of its run, or its file."""
    clip: Annotated[str | None, arg(help_behavior_hint="(default: none)")] = None
    """CLIP whose caption encoder a model with captions uses: the folder of its run, or its file.
    Without --clip, an encoder is trained together with the model."""
    latent_channels: int = 4
    """Numbers per position of an autoencoder's latent image. More keep more detail, but are
    harder to generate."""
    stage_channels: tuple[int, ...] = (32, 64, 64)
    """Channels of each stage of an autoencoder. More channels keep more detail, but are slower.
    Every stage but the last halves the image, so more stages make smaller latents."""
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
        """Check that the options fit together, after the defaults of the task were filled in.

        Raises:
            BadInput: they do not.
        """
        if self.task == "flow2d" and self.stage != "pixel":
            raise BadInput(f"points have no {self.stage} stage; leave --stage out")
        if self.task == "flow2d" and self.condition == "text":
            raise BadInput("points have no captions; condition must be none or class, got text")
        if self.task == "flow2d" and self.network != "dit":
            raise BadInput("points have a network of their own; leave --network out")
        if self.task not in ("emoji", "images") and self.size != 32:
            raise BadInput(f"the size of {self.task} is fixed; leave --size out")
        if (self.task == "images") != bool(self.data):
            raise BadInput(
                "the task images needs --data, and only it; got task "
                f"{self.task} and data {self.data!r}"
            )
        if self.stage == "clip" and self.micro_batch_size is not None:
            raise BadInput(
                "a CLIP compares all pairs of a batch, which is never split; leave "
                "--micro-batch-size out, or choose a smaller --batch-size"
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


POINTS = TrainConfig(
    task="flow2d",
    condition="none",
    batch_size=512,
)
CAPTIONED = TrainConfig(
    condition="text",
    target="x",
    patch_size=4,
    positions="rotary",
    qk_norm=True,
    drop_rate=0.15,
    loop=dataclasses.replace(
        DIFFUSION_LOOP, optimizer="muon", muon_learning_rate=0.02, learning_rate=3e-3
    ),
)
"""Default options for images of 32 or 64 pixels with captions."""
VAE_LOOP = dataclasses.replace(DIFFUSION_LOOP, steps=8000, learning_rate=4e-3, beta2=0.95)
CLIP_LOOP = dataclasses.replace(
    DIFFUSION_LOOP, steps=1000, learning_rate=1e-3, weight_decay=0.1, ema_decay=0.0
)
LATENT_LOOP = dataclasses.replace(CAPTIONED.loop, steps=7000)


def recipe(task: TaskName, stage: Stage) -> TrainConfig:
    """Return the default options of a task and stage."""
    if task == "flow2d":
        return POINTS
    digits = task == "digits"  # 8 x 8 pixels and ten captions
    base = dataclasses.replace(TrainConfig() if digits else CAPTIONED, task=task, stage=stage)
    if stage == "vae":
        channels = (32, 64, 64) if digits else (16, 32, 64)
        return dataclasses.replace(base, batch_size=16, stage_channels=channels, loop=VAE_LOOP)
    if stage == "clip":
        batch_size, patch_size = (10, 4) if digits else (128, 8)
        return dataclasses.replace(
            base, batch_size=batch_size, patch_size=patch_size, loop=CLIP_LOOP
        )
    if stage == "latent" and not digits:
        return dataclasses.replace(
            base, patch_size=2, d_model=160, n_layers=6, n_heads=5, loop=LATENT_LOOP
        )
    return base
