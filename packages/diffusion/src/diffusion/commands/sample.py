"""`diffusion sample`: draw images from a trained model, as a file and in the terminal."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from tyro.conf import Positional, arg

from diffusion.display.figures import trajectories_figure
from diffusion.display.grid import grid_image, save_png
from diffusion.display.strip import trajectory_strip
from diffusion.display.terminal import show_images
from diffusion.flow.guidance import Guidance
from diffusion.flow.times import sampling_times
from diffusion.training.image_model import ImageModel, SamplingPlan
from diffusion.training.model_file import load_model, shipped_model
from gpt.device import pick_device
from gpt.errors import BadInput, check_seed
from gpt.plots import save_figure
from gpt.runs.progress import report_message

MAX_GRID_COLUMNS = 8
"""Largest number of prompts with one sample each in a row."""
MAX_STRIP_ROWS = 4


@dataclass(frozen=True)
class SampleConfig:
    """Draw images of the prompts with a trained model, as a file and in the terminal."""

    prompts: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="[PROMPT ...]", help_behavior_hint="(default: all classes, or no condition)"),
    ] = ()
    """Captions, or names or numbers of classes. Without prompts, a model with classes draws all
    of them, and other models draw without a condition."""
    run: Annotated[Path | None, arg(help_behavior_hint="(default: the model that ships)")] = None
    """Folder of the run whose model samples, or a file that `diffusion export` wrote. Without it,
    the text-to-image model of emoji that ships with the package draws."""
    n: int = 1
    """Samples per prompt. With more than one, each prompt has a row of its own."""
    guidance: float = 2.0
    """Guidance weight. Higher values match the prompt better and vary less; 1 is no guidance."""
    guidance_start: float = 0.0
    """Earliest time (0 is the data) at which the guidance applies."""
    guidance_end: float = 1.0
    """Latest time (1 is the noise) at which the guidance applies."""
    sampler: Literal["euler", "heun", "midpoint", "rk4"] = "euler"
    """Method that follows the velocity. heun and midpoint evaluate the network twice per step,
    rk4 four times; all are more exact than euler."""
    steps: int = 50
    """Steps of the sampler. More are more exact and take longer."""
    shift: float = 1.0
    """Shift of the times towards the noise; above 1, more steps are spent there."""
    strip: bool = False
    """Also write how the first samples grow out of noise, to a second file next to --out, whose
    name ends in -strip.png."""
    out: Annotated[Path | None, arg(help_behavior_hint="(default: samples.png)")] = None
    """Image file to write (PNG). Without it, samples.png is written into the folder of the run or
    file, or here if --run is not given."""
    seed: int = 0
    """Random seed of the noise."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        if self.n < 1:
            raise BadInput(f"n must be at least 1, got {self.n}")
        if self.out is not None and self.out.suffix.lower() != ".png":
            raise BadInput(f"out must be the name of a .png file, got {str(self.out)!r}")
        check_seed(self.seed)
        self.plan()

    def plan(self) -> SamplingPlan:
        """Return the settings of the sampler.

        Raises:
            BadInput: one of them is out of its range.
        """
        sampling_times(self.steps, self.shift)  # refuses steps and shifts out of range
        guidance = Guidance(self.guidance, self.guidance_start, self.guidance_end)
        return SamplingPlan(self.steps, self.sampler, guidance, self.shift)


def run(config: SampleConfig) -> int:
    """Sample, write the images or points to a file, and show images in a terminal."""
    device, plan = pick_device(config.device), config.plan()
    model = load_model(config.run, device) if config.run else shipped_model(device)
    names, condition = prompt_rows(model, config.prompts, config.n)
    generator = torch.Generator().manual_seed(config.seed)
    path = torch.stack([x.cpu() for x in model.trajectory(condition, plan, generator)])
    out = config.out or default_folder(config.run) / "samples.png"
    if len(model.shape) == 1:
        save_points(out, path, names, config.n)
        return 0
    images = model.to_images(path[-1])
    columns = config.n if config.n > 1 else min(len(images), MAX_GRID_COLUMNS)
    image = grid_image(
        images,
        columns,
        row_captions=names if config.n > 1 else (),
        column_captions=names if config.n == 1 and 1 < len(names) <= MAX_GRID_COLUMNS else (),
    )
    save_png(out, image)
    show_images(images, columns)
    report_message(f"{len(images)} images are in {shlex.quote(str(out))}")
    if config.strip:
        rows = min(len(images), MAX_STRIP_ROWS)
        steps = torch.stack([model.to_images(x[:rows]) for x in path])
        times = sampling_times(plan.n_steps, plan.shift).tolist()
        strip = out.with_name(f"{out.stem}-strip.png")
        save_png(strip, trajectory_strip(steps, times))
        report_message(f"how they grew out of noise is in {shlex.quote(str(strip))}")
    return 0


def default_folder(run: Path | None) -> Path:
    """Return the folder for samples: that of the run or file, or here for the shipped model."""
    if run is None:
        return Path()
    return run.parent if run.is_file() else run


def save_points(out: Path, path: Float[Tensor, "n_times B 2"], names: list[str], n: int) -> None:
    """Draw the paths of points from noise to data, n per prompt in one colour."""
    names, n = (names, n) if names else (["unconditional"], path.shape[1])
    save_figure(out, trajectories_figure(path, torch.arange(path.shape[1]) // n, names))
    report_message(f"{path.shape[1]} points and their paths are in {shlex.quote(str(out))}")


def prompt_rows(
    model: ImageModel, prompts: tuple[str, ...], n: int
) -> tuple[list[str], torch.Tensor]:
    """Return the names to draw, and n rows of condition for each."""
    names = list(prompts) or list(model.label_names)
    if not names:
        return [], model.unconditional(n if n > 1 else 16)
    return names, model.encode(names).repeat_interleave(n, dim=0)
