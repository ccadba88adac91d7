"""Benchmark DiT and the autoencoder on a GPU, next to diffusers: time and memory, in bf16.

    uv run python packages/diffusion/scripts/gpu_benchmark.py

Both sides have the same weights and inputs, bf16 and torch.compile, and alternate in one process:
a training step (bf16 autocast, fused AdamW), 50 guided Euler steps, and encoding and decoding of
images. The default shape is that of DiT-B/2 on latent images of 32 x 32. The script needs a CUDA
device and the extra `baselines`; try it on any machine with `--tiny --device cpu`. No run on a GPU
is recorded yet.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

try:
    from diffusion import baselines
except ImportError as error:
    sys.exit(f"gpu_benchmark: {error}")

import torch
from torch import Tensor, nn

from diffusion.comparison.compared_models import (
    N_LABELS,
    ComparedShape,
    mean_squared_error,
    random_batch,
    random_dit,
)
from diffusion.comparison.vae_rows import random_vae
from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.flow.samplers import sample
from diffusion.flow.times import sampling_times
from diffusion.model.dit import DiTConfig
from gpt.comparison.rows import synchronise, time_interleaved
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.runs.parallel import autocast
from gpt.training.optimizer import make_adamw

LARGE = DiTConfig(
    n_channels=4, size=32, n_layers=12, n_heads=12, d_model=768, d_ff=3072, mlp_norm_eps=1e-6
)
TINY = DiTConfig(n_channels=4, n_layers=2, n_heads=2, d_model=16, d_ff=64)
RATE = 1e-4

Calls = tuple[Callable[[], Tensor], Callable[[], Tensor]]
"""The same computation by us and by the library."""


@dataclass(frozen=True)
class Config:
    """Compare our DiT and autoencoder with those of diffusers on a GPU, in time and memory."""

    batch_size: int = 64
    """Images per training step, per sampling run and per encoding."""
    repeats: int = 20
    """Timed repetitions of each side, after five that are not timed. More make times steadier."""
    steps: int = 50
    """Euler steps of a sampling run, each with guidance."""
    compile: bool = True
    """Compile both sides with torch.compile."""
    tiny: bool = False
    """Use a model of two layers, to try the script."""
    device: str = "cuda"
    """Device: cuda, or with --tiny also cpu."""


class LibraryVelocity(nn.Module):
    """The library's model with our arguments."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Return the velocity."""
        return baselines.library_output(self.model, x, t, ids[:, 0])  # pyright: ignore[reportArgumentType]


class In16Bits(nn.Module):
    """A velocity model with weights in bf16, which reads and returns fp32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.bfloat16()

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Return the velocity."""
        return self.model(x.bfloat16(), t, ids).float()


def compiled(model: Any, config: Config) -> Any:
    """Compile a model or function if the config says so."""
    return torch.compile(model) if config.compile else model


def training_steps(config: Config, shape: ComparedShape, device: torch.device) -> Calls:
    """Return a training step of each side."""
    x, t, ids, target = (each.to(device) for each in random_batch(shape))
    ours = random_dit(shape.config)
    sides = (ours.to(device), LibraryVelocity(baselines.to_library_dit(ours)).to(device))
    optimizers = (
        make_adamw(list(sides[0].parameters()), RATE, (0.9, 0.999), 0.01),
        torch.optim.AdamW(sides[1].parameters(), lr=RATE, fused=True),
    )
    for group in optimizers[0].param_groups:
        group["lr"] = RATE

    def step_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], Tensor]:
        forward = compiled(model, config)

        def step() -> Tensor:
            with autocast(device.type, "bf16"):
                output = forward(x, t, ids)
            loss = mean_squared_error(output.float(), target)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss.detach()

        return step

    return step_of(sides[0], optimizers[0]), step_of(sides[1], optimizers[1])


def guided_samplings(config: Config, shape: ComparedShape, device: torch.device) -> Calls:
    """Return a sampling run of each side: our sampler, and their scheduler in a loop."""
    ours = random_dit(shape.config)
    library = LibraryVelocity(baselines.to_library_dit(ours))
    velocities = [compiled(In16Bits(each).to(device), config) for each in (ours, library)]
    noise = random_batch(shape).x.to(device)
    labels = torch.arange(len(noise), device=device)[:, None] % N_LABELS
    null = torch.tensor([N_LABELS], device=device)
    both = torch.cat([labels, null.expand_as(labels)])

    def our_images() -> Tensor:
        velocity = GuidedVelocity(velocities[0], labels, null, Guidance(2.0))
        return sample(velocity, noise, sampling_times(config.steps))

    @torch.inference_mode()
    def their_images() -> Tensor:
        def velocity(x: Tensor, t: Tensor) -> Tensor:
            times = t.to(device).expand(len(both))
            v, v_null = velocities[1](torch.cat([x, x]), times, both).chunk(2)
            return v_null + 2.0 * (v - v_null)

        return baselines.library_sample(
            baselines.euler_scheduler(config.steps, 1.0), velocity, noise
        )

    return our_images, their_images


def autoencoder_calls(config: Config, device: torch.device) -> dict[str, Calls]:
    """Return encoding and decoding of each side."""
    ours = random_vae()
    library: Any = baselines.to_library_vae(ours).to(device).bfloat16()
    ours = ours.to(device).bfloat16()
    images = torch.rand(config.batch_size, 3, 32, 32, device=device).bfloat16() * 2 - 1
    latents = ours.encode(images).mean.detach()
    encode, decode = compiled(ours.encode, config), compiled(ours.decode, config)
    their_encode, their_decode = compiled(library.encode, config), compiled(library.decode, config)
    return {
        "encoding": (
            lambda: encode(images).mean,
            lambda: their_encode(images).latent_dist.mean,
        ),
        "decoding": (lambda: decode(latents), lambda: their_decode(latents).sample),
    }


def measure(calls: Calls, config: Config, device: torch.device) -> dict[str, float]:
    """Return times and memory of both sides, and the relative difference of their results."""
    first, peaks = [], []
    for call in calls:
        first.append(call().float())
        if device.type == "cuda":
            before = torch.cuda.memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
            call()
            synchronise()
            peaks.append((torch.cuda.max_memory_allocated(device) - before) / 1e9)
    seconds = time_interleaved(*calls, repeats=config.repeats, warmups=5)
    difference = (first[0] - first[1]).abs().max() / first[1].abs().max()
    report = {
        "ours_s": seconds.ours,
        "library_s": seconds.library,
        "speedup": seconds.library / seconds.ours,
        "relative_difference": difference.item(),
    }
    return report | dict(zip(("ours_gb", "library_gb"), peaks, strict=False))


def main(config: Config) -> int:
    """Measure all computations of both sides, and print one JSON document."""
    started, device = time.perf_counter(), pick_device(config.device)
    if device.type != "cuda" and not config.tiny:
        raise BadInput("a DiT of this size needs a CUDA device; try the script with --tiny")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    shape = ComparedShape(TINY if config.tiny else LARGE, config.batch_size)
    report: dict[str, Any] = {
        "library": baselines.library_version("diffusers"),
        "shape": str(shape),
    }
    report["training step"] = measure(training_steps(config, shape, device), config, device)
    with torch.no_grad():
        report["guided sampling"] = measure(guided_samplings(config, shape, device), config, device)
        for name, calls in autoencoder_calls(config, device).items():
            report[name] = measure(calls, config, device)
    print(json.dumps(report | measurement_conditions(device, started), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(Script("gpu_benchmark", Config, main).main())
