"""Benchmark GPT-2 small on a GPU: tokens per second, utilisation, memory; with GPT2LMHeadModel.

    uv run python packages/gpt/scripts/gpu_benchmark.py

Both models train on the same random tokens with the same settings: bf16 autocast, torch.compile,
fused attention and a fused AdamW, alternating in one process. Model FLOP utilisation is the useful
work, 6 N + 12 L D T operations per token (Chowdhery et al. 2022, "PaLM", appendix B), as a fraction
of the card's dense bf16 peak; N leaves out the position table. Then both generate with a cache, at
batch sizes 1 and 64. The script needs a CUDA device and the extra `baselines`; try it on any
machine with `--tiny --device cpu`. No run on a GPU is recorded yet.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

try:
    from gpt import baselines
except ImportError as error:
    sys.exit(f"gpu_benchmark: {error}")

import torch
from torch import Tensor, nn

from gpt.comparison.rows import synchronise
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import greedy_token
from gpt.model.gpt import GPT
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.runs.parallel import autocast
from gpt.text.token_files import Batch
from gpt.training.accumulation import next_token_loss
from gpt.training.optimizer import make_adamw

PEAKS = {"H200": 989e12, "H100 80GB HBM3": 989e12, "A100": 312e12}
"""Dense bf16 operations per second, from the vendors' data sheets."""


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    batch_size: int = 64
    """Sequences of 1,024 tokens per step."""
    steps: int = 20
    """Timed steps of each side, after five warm-up steps."""
    new_tokens: int = 128
    """Tokens to generate per prompt."""
    compile: bool = True
    """Compile both models with torch.compile."""
    peak: float | None = None
    """Peak bf16 operations per second of the card; default: looked up by the card's name."""
    tiny: bool = False
    """Use four layers of width 128 and short sequences, to try the script."""
    device: str = "cuda"
    """Device: cuda, or with --tiny also cpu."""

    def __post_init__(self) -> None:
        """Refuse a benchmark that measures nothing."""
        for name in ("batch_size", "steps", "new_tokens"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


class Side:
    """One of the two models in training, with its times and its peak memory."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable) -> None:
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.seconds: list[float] = []
        self.peak_bytes = 0

    def step(self, tokens: Tensor) -> None:
        """Do one step, and record its time and its peak memory."""
        device = tokens.device
        before = 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
        synchronise()
        started = time.perf_counter()
        with autocast(device.type, "bf16"):
            loss = self.loss(tokens)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        synchronise()
        self.seconds.append(time.perf_counter() - started)
        if device.type == "cuda":
            # memory of the step, plus weights and two moments of this side but not of the other
            held = 3 * sum(parameter.nbytes for parameter in self.model.parameters())
            self.peak_bytes = torch.cuda.max_memory_allocated(device) - before + held


def make_sides(config: Config, device: torch.device) -> tuple[Side, Side]:
    """Make our model and the library's, with the same weights and optimizer settings."""
    library = baselines.gpt2_to_train("tiny" if config.tiny else "small")
    ours = baselines.to_our_model(library).train().to(device)
    library = library.to(device)
    run_ours, run_library = (torch.compile(m) if config.compile else m for m in (ours, library))

    def our_loss(tokens: Tensor) -> Tensor:
        nats = next_token_loss(run_ours, Batch(tokens[:, :-1], tokens[:, 1:]))
        return nats.total / nats.terms

    def library_loss(tokens: Tensor) -> Tensor:
        targets = tokens[:, 1:].contiguous()
        return run_library(tokens[:, :-1], labels=targets, shift_labels=targets).loss

    rate, betas = 1e-4, (0.9, 0.95)
    our_optimizer = make_adamw(list(ours.parameters()), rate, betas, 0.1)
    for group in our_optimizer.param_groups:
        group["lr"] = rate
    library_optimizer = torch.optim.AdamW(
        library.parameters(), lr=rate, betas=betas, weight_decay=0.1, fused=True
    )
    return Side(ours, our_optimizer, our_loss), Side(library, library_optimizer, library_loss)


def measure_training(
    config: Config, sides: tuple[Side, Side], device: torch.device
) -> dict[str, Any]:
    """Measure tokens per second, utilisation and peak memory of both sides."""
    model = sides[0].model.config
    length = 64 if config.tiny else model.context
    size = (config.batch_size, length + 1)
    for _ in range(5 + config.steps):
        tokens = torch.randint(0, model.vocab_size, size, device=device)
        for side in sides:
            side.step(tokens)
    parameters = sides[0].model.n_parameters() - model.context * model.d_model
    operations = 6 * parameters + 12 * model.n_layers * model.d_model * length
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    peak = config.peak or next((peak for name, peak in PEAKS.items() if name in card), None)
    report = {}
    for name, side in zip(("ours", "library"), sides, strict=True):
        seconds = statistics.median(side.seconds[5:])
        speed = config.batch_size * length / seconds
        report[name] = {
            "tokens_per_s": speed,
            "utilisation": speed * operations / peak if peak else None,
            "peak_gb": side.peak_bytes / 1e9,
        }
    report["speedup"] = report["ours"]["tokens_per_s"] / report["library"]["tokens_per_s"]
    return report


def measure_decoding(config: Config, sides: tuple[Side, Side]) -> dict[str, Any]:
    """Measure tokens per second with a cache, in bf16, at batch sizes 1 and 64."""
    ours, library = (side.model.eval().bfloat16() for side in sides)
    assert isinstance(ours, GPT)
    n = config.new_tokens
    report = {}
    for batch_size in (1, 64):
        prompts = [[row + 1, 2, 3, 4] for row in range(batch_size)]
        generators = (
            partial(generate_batch, ours, prompts, n, greedy_token),
            partial(baselines.generate_new_tokens, library, prompts, n),
        )
        speeds = [batch_size * n / fastest_of_three(generate) for generate in generators]
        report[f"batch {batch_size}"] = {
            "ours_tokens_per_s": speeds[0],
            "library_tokens_per_s": speeds[1],
            "speedup": speeds[0] / speeds[1],
        }
    return report


def fastest_of_three(function: Callable[[], Any]) -> float:
    """Return the time of the fastest of three calls in seconds."""
    seconds = []
    for _ in range(3):
        synchronise()
        started = time.perf_counter()
        function()
        synchronise()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main(config: Config) -> int:
    """Measure training and decoding of both sides, and print one JSON document."""
    started, device = time.perf_counter(), pick_device(config.device)
    if device.type != "cuda" and not config.tiny:
        raise BadInput("GPT-2 small at this size needs a CUDA device; try the script with --tiny")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    sides = make_sides(config, device)
    report = {
        "library": baselines.library_version("transformers"),
        "training": measure_training(config, sides, device),
        "decoding": measure_decoding(config, sides),
    }
    print(json.dumps(report | measurement_conditions(device, started), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(Script("gpu_benchmark", Config, main).main())
