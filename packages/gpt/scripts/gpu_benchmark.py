"""GPT-2 small on a GPU: tokens a second, utilisation and memory, beside GPT2LMHeadModel.

    uv run python packages/gpt/scripts/gpu_benchmark.py

Both train on the same random tokens with the same settings: bf16 autocast, torch.compile, fused
attention and a fused AdamW, in turns in one process. Model FLOP utilisation is the share of the
card's dense bf16 peak that the useful work makes up, 6 N + 12 L D T operations a token (Chowdhery
et al. 2022, "PaLM", appendix B), N without the position table. Then both write with a cache, at
batch 1 and 64. Needs a CUDA device and the extra `baselines`; `--tiny --device cpu` tries it out
on any machine. No run on a GPU is recorded yet.
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
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from gpt.program import Script
from gpt.runs.passes import autocast
from gpt.text.token_files import Batch
from gpt.training.accumulation import next_token_loss
from gpt.training.optimizer import make_adamw

PEAKS = {"H200": 989e12, "H100 80GB HBM3": 989e12, "A100": 312e12}
"""Dense bf16 operations a second, from the makers' data sheets."""


@dataclass(frozen=True)
class Config:
    """What to run."""

    batch_size: int = 64
    """Sequences of 1,024 tokens in a step."""
    steps: int = 20
    """Steps of each side that count, after five that do not."""
    new_tokens: int = 128
    """Tokens to write in the comparison of decoding."""
    compile: bool = True
    """Compile both models."""
    peak: float | None = None
    """Operations a second of the card in bf16; known for some by their name."""
    tiny: bool = False
    """Four layers of width 128 and short sequences, to try the script out."""
    device: str = "cuda"
    """cuda; with --tiny also cpu."""


class Side:
    """One of the two models in training."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable) -> None:
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.seconds: list[float] = []
        self.peak_bytes = 0

    def step(self, tokens: Tensor) -> None:
        """One step, timed, with its peak of memory."""
        device = tokens.device
        before = 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
        synchronise()
        begin = time.perf_counter()
        with autocast(device.type, "bf16"):
            loss = self.loss(tokens)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        synchronise()
        self.seconds.append(time.perf_counter() - begin)
        if device.type == "cuda":
            # what the step needed, and this side's weights and two moments; not the other side's
            held = 3 * sum(parameter.nbytes for parameter in self.model.parameters())
            self.peak_bytes = torch.cuda.max_memory_allocated(device) - before + held


def both_sides(config: Config, device: torch.device) -> tuple[Side, Side]:
    """The same weights twice: ours, and the library's."""
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


def training(config: Config, sides: tuple[Side, Side], device: torch.device) -> dict[str, Any]:
    """Tokens a second, utilisation and peak memory of both."""
    shape = sides[0].model.config
    length = 64 if config.tiny else shape.context
    size = (config.batch_size, length + 1)
    for _ in range(5 + config.steps):
        tokens = torch.randint(0, shape.vocab_size, size, device=device)
        for side in sides:
            side.step(tokens)
    numbers = sides[0].model.n_parameters() - shape.context * shape.d_model
    operations = 6 * numbers + 12 * shape.n_layers * shape.d_model * length
    peak = config.peak or known_peak(device)
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


def known_peak(device: torch.device) -> float | None:
    """The peak of the card, if its name is known."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((peak for card, peak in PEAKS.items() if card in name), None)


def decoding(config: Config, sides: tuple[Side, Side]) -> dict[str, Any]:
    """Tokens a second with a cache, in bf16, at batch 1 and 64."""
    ours, library = (side.model.eval().bfloat16() for side in sides)
    assert isinstance(ours, GPT)
    greedy, n = partial(sample_token, temperature=0.0), config.new_tokens
    report = {}
    for batch_size in (1, 64):
        prompts = [[row + 1, 2, 3, 4] for row in range(batch_size)]
        writers = (
            partial(generate_batch, ours, prompts, n, greedy),
            partial(baselines.generate_greedy_batch, library, prompts, n),
        )
        speeds = [batch_size * n / fastest(writer) for writer in writers]
        report[f"batch {batch_size}"] = {
            "ours_tokens_per_s": speeds[0],
            "library_tokens_per_s": speeds[1],
            "speedup": speeds[0] / speeds[1],
        }
    return report


def fastest(function: Callable[[], Any]) -> float:
    """Seconds of the best of three calls."""
    seconds = []
    for _ in range(3):
        synchronise()
        begin = time.perf_counter()
        function()
        synchronise()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main(config: Config) -> int:
    """Train both, let both write, print one JSON document."""
    device = pick_device(config.device)
    if device.type != "cuda" and not config.tiny:
        raise BadInput("GPT-2 small at this size needs a CUDA device; --tiny tries the script out")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    sides = both_sides(config, device)
    report = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "torch": torch.__version__,
        "library": baselines.library_version("transformers"),
        "training": training(config, sides, device),
        "decoding": decoding(config, sides),
    }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(Script("gpu_benchmark", Config, main).main())
