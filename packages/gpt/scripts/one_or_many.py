"""Train the same models in one process and in several, and compare what comes out.

    uv run torchrun --nproc-per-node 2 packages/gpt/scripts/one_or_many.py

The batch does not divide by the processes, the micro-batches do not divide the rows, and the rows
have unequal numbers of scored tokens, so a mean of means would show. The runs that are stopped and
resumed have dropout, so random numbers that are not put back would show too.
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
ROUGHLY = 0.1  # eight bits round at other places; a lost gradient makes a difference of 1
WAYS = {"replicated": False, "sharded": True}


@dataclass(frozen=True)
class Config:
    """What to compare."""

    steps: int = 12
    """Length of each run; some are stopped halfway and resumed."""
    folder: Path = Path("runs/one_or_many")
    """Where the runs lie; what was there is removed."""
    device: str = "cpu"
    """cpu, or cuda with a card for each process."""
    tolerance: float = 1e-5
    """Largest difference of losses and gradient norms."""


def batches(step: int) -> list[Batch]:
    """The rows of this process, two at a time, of five that count up by threes."""
    random = torch.Generator().manual_seed(step)
    rows = (torch.randint(0, 50, (5, 1), generator=random) + 3 * torch.arange(17)) % 50
    mine = local_rows(rows)
    return micro_batches(Batch(mine[:, :-1], mine[:, 1:]), 2)


def loss_of_small_tokens(model: GPT, batch: Batch) -> LossSum:
    """The loss of the tokens that are not larger than the first of their row: many, or few."""
    batch = batch.to(next(model.parameters()).device)
    scored = batch.targets <= batch.tokens[:, :1]
    nats = cross_entropy_per_token(model(batch.tokens), batch.targets)
    return LossSum(nats[scored].sum(), int(scored.sum()))


def run(
    folder: Path, loop: LoopConfig, device: torch.device, dropout: float = 0.0, stop: int = 0
) -> list[StepRecord]:
    """Train on from where the folder is, to the end or to a step."""
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


def difference(ours: list[StepRecord], theirs: list[StepRecord]) -> float:
    """The largest difference of a loss or the length of a gradient."""
    pairs = zip(ours, theirs, strict=True)
    return max(max(abs(a.loss - b.loss), abs(a.grad_norm - b.grad_norm)) for a, b in pairs)


def same_bits(one: Path, other: Path) -> bool:
    """Whether two runs ended in the same state."""
    first, second = newest_checkpoint(one), newest_checkpoint(other)
    assert first is not None and second is not None
    a, b = first[0], second[0]
    return a.values == b.values and all(
        a.tensors[name].equal(b.tensors[name]) for name in a.tensors
    )


def main(config: Config) -> int:
    """Train alone, then together, then alone again; the first process tells what it found."""
    home, half, device = config.folder, config.steps // 2, torch.device(config.device)
    loops = {
        name: LoopConfig(config.steps, 1e-2, optimizer=name, save_every=config.steps)
        for name in ("adamw", "muon")
    }
    alone, together, coarse, exact = {}, {}, {}, {}
    if os.environ["RANK"] == "0":  # the others wait below
        shutil.rmtree(home, ignore_errors=True)
        alone = {name: run(home / name, loop, device) for name, loop in loops.items()}
        run(home / "moved to many", loops["muon"], device, stop=half)
    device = local_device(device)
    with process_group(device):
        for way, shard in WAYS.items():
            for name, plain in loops.items():
                loop = replace(plain, shard=shard)
                together[name, way] = run(home / f"{name} {way}", loop, device)
                noisy, cut = replace(loop, ema=0.9), home / f"{name} {way} cut"
                run(home / f"{name} {way} whole", noisy, device, 0.1)
                run(cut, noisy, device, 0.1, half)
                run(cut, noisy, device, 0.1)
                exact[name, way] = same_bits(home / f"{name} {way} whole", cut)
            half_format = replace(loops["adamw"], shard=shard, precision="bf16")
            coarse[way] = run(home / f"bf16 {way}", half_format, device)
        sharded = replace(loops["muon"], shard=True)
        to_many = run(home / "moved to many", sharded, device)
        run(home / "moved to one", sharded, device, stop=half)
        number, n = rank(), n_processes()
    if number > 0:
        return 0
    to_one = run(home / "moved to one", loops["muon"], device)
    found = {f"{name}, {way}": difference(alone[name], r) for (name, way), r in together.items()}
    found["muon, one process and then sharded"] = difference(alone["muon"][half:], to_many)
    found["muon, sharded and then one process"] = difference(alone["muon"][half:], to_one)
    rough = difference(coarse["replicated"], coarse["sharded"])
    print(f"{n} processes, {config.steps} steps: largest difference from one process")
    for name, value in found.items():
        print(f"  {name:36}{value:.1e}")
    print(f"  bf16, replicated or sharded         {rough:.1e}")
    for (name, way), same in exact.items():
        print(
            f"  {name}, {way}, resumed halfway: {'identical to the bit' if same else 'DIFFERENT'}"
        )
    close = max(found.values()) <= config.tolerance and rough <= ROUGHLY
    return 0 if close and all(exact.values()) else 1


if __name__ == "__main__":
    arguments = tyro.cli(Config)
    if "RANK" not in os.environ:
        print("one_or_many: start it by torchrun --nproc-per-node 2", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(arguments))
