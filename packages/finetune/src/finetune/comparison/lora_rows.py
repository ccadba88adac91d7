"""Compare our LoRA with peft's on the same weights, adapters and batches.

Equality is tested in float64 on a small GPT-2 and a small Llama with random weights, for several
ranks, values of alpha and targets. A training step is timed at two sizes.
"""

import copy
import tempfile
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from finetune.lora.inject import LoraConfig, inject, lora_layers, lora_parameters
from finetune.lora.merge import merged_copy
from finetune.lora.peft_files import read_adapter, write_adapter
from gpt.comparison.rows import (
    ComparisonRow,
    max_abs_difference,
    max_abs_difference_by_name,
    time_interleaved,
)
from gpt.comparison.speed import stepper
from gpt.model.gpt import GPT
from gpt.pretrained.folders import read_model, write_model
from gpt.pretrained.shapes import config_from_transformers
from gpt.pretrained.weights import weights_to_transformers
from gpt.text.token_files import Batch
from gpt.training.accumulation import next_token_loss
from gpt.training.optimizer import make_adamw

LORA_TOLERANCE = 1e-6
LORA_CONFIGS = (
    LoraConfig(1, 1.0, ("all",)),
    LoraConfig(4, 8.0, ("q", "v")),
    LoraConfig(8, 4.0, ("k", "o", "up", "down")),
)
FAMILY_NAMES = {"gpt2": "GPT-2", "llama": "Llama"}
PEFT_TARGETS = {"gpt2": ["c_attn", "c_proj"], "llama": ["q_proj", "v_proj", "down_proj"]}
"""Modules that peft adapts in the file comparison; c_attn of GPT-2 has one A for q, k and v."""


class ComparedModels(NamedTuple):
    """A base model, our copy of it with random adapters, and the same copy in peft."""

    base: GPT
    ours: GPT
    library: Any


def compared_models(family: str, config: LoraConfig) -> ComparedModels:
    """Return the three models in float64."""
    from finetune.lora import baselines
    from gpt.baselines import small_model, to_our_model

    base = to_our_model(small_model(family)).double()
    ours = with_random_adapters(base, config)
    library = baselines.in_float64(baselines.as_peft_model(base, ours))
    return ComparedModels(base, ours, library.eval())


def with_random_adapters(base: GPT, config: LoraConfig) -> GPT:
    """Return a copy of the model with adapters whose A and B are both random."""
    model = copy.deepcopy(base)
    inject(model, config)
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.b, std=0.1)
    return model


def lora_rows() -> list[ComparisonRow]:
    """Return all rows without timing; takes a few seconds."""
    return [
        row
        for family in FAMILY_NAMES
        for row in (*equality_rows(family), *adapter_file_rows(family))
    ]


def equality_rows(family: str) -> list[ComparisonRow]:
    """Return a row per quantity, such as gradients: its largest difference over all configs."""
    from gpt.baselines import library_version

    largest: dict[str, float] = {}
    for config in LORA_CONFIGS:
        for name, found in lora_differences(compared_models(family, config)).items():
            largest[name] = max(largest.get(name, 0.0), found)
    library, n_configs = library_version("peft"), len(LORA_CONFIGS)
    return [
        ComparisonRow(
            f"LoRA, {FAMILY_NAMES[family]}: {name}, {n_configs} configs",
            library,
            found,
            LORA_TOLERANCE,
        )
        for name, found in largest.items()
    ]


def lora_differences(models: ComparedModels) -> dict[str, float]:
    """Return the differences of outputs, gradients, weights after five steps and merged weights."""
    from finetune.lora import baselines

    base, ours, library = models
    tokens = torch.randint(0, base.config.vocab_size, (3, 24))
    found = {"forward": max_abs_difference(ours(tokens), library(tokens).logits)}
    with library.disable_adapter():
        found["adapters off"] = max_abs_difference(base(tokens), library(tokens).logits)
    for model in (ours, library):
        mean_next_token_loss(model, tokens).backward()
    gradient: Any = attrgetter("grad")
    found["gradients"] = max_abs_difference_by_name(
        baselines.mapped_adapter_tensors(ours, gradient),
        {name: gradient(each) for name, each in baselines.peft_parameters(library).items()},
    )
    found["weights after 5 steps"] = difference_after_five_steps(ours, library)
    expected = library.merge_and_unload().state_dict()
    weights = weights_to_transformers(merged_copy(ours).state_dict(), base.config)
    found["merged weights"] = max_abs_difference_by_name(
        weights, {name: expected[name] for name in weights}
    )
    return found


def mean_next_token_loss(model: Any, tokens: Int[Tensor, "B T"]) -> Tensor:
    """Return the mean next-token loss of a model, ours or peft's."""
    out = model(tokens[:, :-1])
    logits = out if isinstance(out, Tensor) else out.logits
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def difference_after_five_steps(ours: GPT, library: Any) -> float:
    """Train both models on the same batches and return the largest difference of an A or B."""
    from finetune.lora import baselines

    theirs = baselines.peft_parameters(library)
    optimizers = [
        torch.optim.AdamW(parameters, lr=2e-4)
        for parameters in (lora_parameters(ours), [*theirs.values()])
    ]
    for _ in range(5):
        tokens = torch.randint(0, ours.config.vocab_size, (4, 24))
        for model, optimizer in zip((ours, library), optimizers, strict=True):
            optimizer.zero_grad()
            mean_next_token_loss(model, tokens).backward()
            optimizer.step()
    return max_abs_difference_by_name(baselines.mapped_adapter_tensors(ours, torch.clone), theirs)


def adapter_file_rows(family: str) -> list[ComparisonRow]:
    """Read our adapter with peft and peft's with ours, for a base that both read from a folder."""
    from finetune.lora import baselines
    from gpt.baselines import library_version

    base, ours, _ = compared_models(family, LORA_CONFIGS[0])
    tokens = torch.randint(0, base.config.vocab_size, (3, 24))
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder, adapter, other = (Path(name) / each for each in ("model", "ours", "theirs"))
        write_model(folder, base, end_of_text=0)
        write_adapter(adapter, ours)
        read_by_them = baselines.load_peft_adapter(baselines.load_causal_lm(folder), adapter)
        settings: dict[str, Any] = {"r": 4, "lora_alpha": 6, "target_modules": PEFT_TARGETS[family]}
        settings["fan_in_fan_out"] = family == "gpt2"
        theirs = baselines.write_peft_adapter(folder, other, **settings)
        read_by_us = read_model(folder).eval()
        read_adapter(other, read_by_us)
        pairs = {
            "our adapter files in peft": (ours(tokens), read_by_them(tokens).logits),
            "peft's adapter files in ours": (read_by_us(tokens), theirs(tokens).logits),
        }
        base_logits = base(tokens)
    rows = []
    for name, (mine, expected) in pairs.items():
        change = max_abs_difference(expected, base_logits)
        # an adapter without effect would make any two readers equal
        found = max_abs_difference(mine, expected) if change > 0.01 else float("inf")
        title = f"{name}, {FAMILY_NAMES[family]}"
        note = f"the adapter changes logits by up to {change:.2g}"
        rows.append(ComparisonRow(title, library_version("peft"), found, LORA_TOLERANCE, note=note))
    return rows


BATCH_SHAPES = {"tiny": (8, 32), "smollm2": (2, 128)}


def lora_step_row(size: str, floor: float) -> ComparisonRow:
    """Time a training step with adapters of rank 8 on all projections: forward, backward, AdamW."""
    from finetune.baselines import llama_config
    from finetune.lora import baselines
    from gpt.baselines import library_version

    base = GPT(config_from_transformers(llama_config(size).to_dict()))
    ours = with_random_adapters(base, LoraConfig(8, 16.0))
    library = baselines.as_peft_model(base, ours).train()
    rows, length = BATCH_SHAPES[size]
    tokens = torch.randint(0, base.config.vocab_size, (rows, length + 1))
    mine, theirs = our_lora_step(ours.train(), tokens), peft_lora_step(library, tokens)
    losses = torch.tensor([[mine(), theirs()] for _ in range(2)])
    largest = max_abs_difference(losses[:, 0], losses[:, 1])
    # at SmolLM2's shape the two steps above were the warm-up
    repeats, warmups = (3, 0) if size == "smollm2" else (40, 2)
    seconds = time_interleaved(mine, theirs, repeats, warmups)
    name = f"LoRA, training step, {size} shape, {rows} x {length}, rank 8 on all projections"
    return ComparisonRow(name, library_version("peft"), largest, 1e-5, *seconds, floor)


def our_lora_step(model: GPT, tokens: Int[Tensor, "B T"]) -> Callable[[], float]:
    """Return a function that takes one of our training steps and returns the loss."""
    optimizer = make_adamw(lora_parameters(model), 1e-4, (0.9, 0.999), 0.01)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"]
    batch = Batch(tokens[:, :-1], tokens[:, 1:])

    def loss() -> Tensor:
        found = next_token_loss(model, batch)
        return found.total / found.terms

    return stepper(optimizer, loss)


def peft_lora_step(model: Any, tokens: Int[Tensor, "B T"]) -> Callable[[], float]:
    """Return a function that takes one step with peft; shifted targets save it the shifting."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    inputs, targets = tokens[:, :-1], tokens[:, 1:].contiguous()
    return stepper(optimizer, lambda: model(inputs, labels=targets, shift_labels=targets).loss)
