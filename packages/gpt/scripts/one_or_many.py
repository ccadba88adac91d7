"""Train the same models in one process and in several, and compare the results.

    uv run torchrun --nproc-per-node 2 packages/gpt/scripts/one_or_many.py

The rows of a batch divide neither by the processes nor into equal micro-batches, and they have
unequal numbers of scored tokens, so a mean of means would give another loss. Runs that are stopped
and resumed have dropout, so random states that are not restored would give other losses too.
"""

import os
import shutil
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro

from gpt.evaluation.scores import cross_entropy_per_token
from gpt.model.gpt import GPT, GPTConfig
from gpt.runs.checkpoints import newest_checkpoint
from gpt.runs.processes import local_device, local_rows, n_processes, process_group, rank
from gpt.text.token_files import Batch, micro_batches
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, train

SHAPE = GPTConfig(vocab_size=50, context=16, n_layers=2, n_heads=2, d_model=32, d_ff=64)
BF16_TOLERANCE = 0.1  # bf16 rounds differently; a lost gradient makes a difference of 1
LAYOUTS = {"replicated": False, "sharded": True}


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    steps: int = 12
    """Training steps of each run; some runs are stopped halfway and resumed."""
    folder: Path = Path("runs/one_or_many")
    """Folder of the runs; its content is removed first."""
    device: str = "cpu"
    """Device: cpu, or cuda with a GPU per process."""
    tolerance: float = 1e-5
    """Largest accepted difference of losses and gradient norms."""


def batches(step: int) -> list[Batch]:
    """Return the micro-batches of this process: of five rows that count up by threes, two each."""
    random = torch.Generator().manual_seed(step)
    rows = (torch.randint(0, 50, (5, 1), generator=random) + 3 * torch.arange(17)) % 50
    local = local_rows(rows)
    return micro_batches(Batch(local[:, :-1], local[:, 1:]), 2)


def loss_of_small_tokens(model: GPT, batch: Batch) -> LossSum:
    """Score only tokens up to the first token of their row, so that rows have unequal counts."""
    batch = batch.to(next(model.parameters()).device)
    scored = batch.targets <= batch.tokens[:, :1]
    losses = cross_entropy_per_token(model(batch.tokens), batch.targets)
    return LossSum(losses[scored].sum(), int(scored.sum()))


def run(
    folder: Path, loop: LoopConfig, device: torch.device, dropout: float = 0.0, stop: int = 0
) -> list[StepRecord]:
    """Train from the newest checkpoint in the folder to the end, or to step `stop`."""
    torch.manual_seed(0)
    model = GPT(replace(SHAPE, dropout=dropout)).to(device)
    start, _ = newest_checkpoint(folder) or (None, [])
    records = []
    with closing(train(model, batches, loss_of_small_tokens, loop, None, start, folder)) as steps:
        for record in steps:
            records.append(record)
            if record.step == stop:
                break
    return records


def largest_difference(ours: list[StepRecord], theirs: list[StepRecord]) -> float:
    """Return the largest difference of a loss or a gradient norm."""
    pairs = zip(ours, theirs, strict=True)
    return max(max(abs(a.loss - b.loss), abs(a.grad_norm - b.grad_norm)) for a, b in pairs)


def have_same_state(one: Path, other: Path) -> bool:
    """Whether two runs ended in the same state, to the bit."""
    first, second = newest_checkpoint(one), newest_checkpoint(other)
    assert first is not None and second is not None
    a, b = first[0], second[0]
    return a.values == b.values and all(
        a.tensors[name].equal(b.tensors[name]) for name in a.tensors
    )


def main(config: Config) -> int:
    """Train in one process, in several, and in one again; rank 0 prints the differences."""
    folder, half, device = config.folder, config.steps // 2, torch.device(config.device)
    loops = {
        name: LoopConfig(config.steps, 1e-2, optimizer=name, save_every=config.steps)
        for name in ("adamw", "muon")
    }
    single, several, bf16, exact = {}, {}, {}, {}
    if os.environ["RANK"] == "0":  # the other processes wait below
        shutil.rmtree(folder, ignore_errors=True)
        single = {name: run(folder / name, loop, device) for name, loop in loops.items()}
        run(folder / "moved to many", loops["muon"], device, stop=half)
    device = local_device(device)
    with process_group(device):
        for layout, shard in LAYOUTS.items():
            for name, plain in loops.items():
                loop = replace(plain, shard=shard)
                several[name, layout] = run(folder / f"{name} {layout}", loop, device)
                with_ema, stopped = (
                    replace(loop, ema_decay=0.9),
                    folder / f"{name} {layout} stopped",
                )
                run(folder / f"{name} {layout} uninterrupted", with_ema, device, 0.1)
                run(stopped, with_ema, device, 0.1, half)
                run(stopped, with_ema, device, 0.1)
                exact[name, layout] = have_same_state(
                    folder / f"{name} {layout} uninterrupted", stopped
                )
            in_bf16 = replace(loops["adamw"], shard=shard, precision="bf16")
            bf16[layout] = run(folder / f"bf16 {layout}", in_bf16, device)
        sharded = replace(loops["muon"], shard=True)
        to_many = run(folder / "moved to many", sharded, device)
        run(folder / "moved to one", sharded, device, stop=half)
        number, n = rank(), n_processes()
    if number > 0:
        return 0
    to_one = run(folder / "moved to one", loops["muon"], device)
    found = {
        f"{name}, {layout}": largest_difference(single[name], r)
        for (name, layout), r in several.items()
    }
    found["muon, one process and then sharded"] = largest_difference(single["muon"][half:], to_many)
    found["muon, sharded and then one process"] = largest_difference(single["muon"][half:], to_one)
    bf16_difference = largest_difference(bf16["replicated"], bf16["sharded"])
    print(f"{n} processes, {config.steps} steps: largest difference from one process")
    for name, value in found.items():
        print(f"  {name:36}{value:.1e}")
    print(f"  bf16, replicated or sharded         {bf16_difference:.1e}")
    for (name, layout), same in exact.items():
        result = "identical to the bit" if same else "DIFFERENT"
        print(f"  {name}, {layout}, resumed halfway: {result}")
    close = max(found.values()) <= config.tolerance and bf16_difference <= BF16_TOLERANCE
    return 0 if close and all(exact.values()) else 1


if __name__ == "__main__":
    arguments = tyro.cli(Config)
    if "RANK" not in os.environ:
        print(
            "one_or_many: start it with torchrun --nproc-per-node 2",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(main(arguments))
