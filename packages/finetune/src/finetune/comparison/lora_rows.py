"""The rows of LoRA: ours and peft's on the same weights, adapters and batches.

Equality is in float64, with several ranks, values of alpha and targets, on a small GPT-2 and a
small Llama, all of whose weights are random. A training step is timed at two sizes.
"""

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from finetune.lora.inject import LoraConfig, inject, lora_layers, lora_parameters, merged_copy
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
"""What an adapter that peft makes sits beside; in GPT-2 queries, keys and values share its A."""


class ComparedModels(NamedTuple):
    """A model, the same with adapters that have learned something, and that in peft."""

    base: GPT
    ours: GPT
    library: Any


def compared_models(family: str, config: LoraConfig) -> ComparedModels:
    """The three, with A and B random, in float64."""
    from finetune.lora import baselines
    from gpt.baselines import small_model, to_our_model

    base = to_our_model(small_model(family)).double()
    ours = with_random_adapters(base, config)
    library = baselines.in_float64(baselines.as_peft_model(base, ours))
    return ComparedModels(base, ours, library.eval())


def with_random_adapters(base: GPT, config: LoraConfig) -> GPT:
    """A copy of the model with adapters, none of whose numbers is zero."""
    model = copy.deepcopy(base)
    inject(model, config)
    for layer in lora_layers(model).values():
        torch.nn.init.normal_(layer.b, std=0.1)
    return model


def lora_rows() -> list[ComparisonRow]:
    """All that are not timed, in a few seconds."""
    return [
        row
        for family in FAMILY_NAMES
        for row in (*equality_rows(family), *adapter_file_rows(family))
    ]


def equality_rows(family: str) -> list[ComparisonRow]:
    """The largest difference over all configs: outputs, gradients, five steps, merged weights."""
    from finetune.lora import baselines

    largest: dict[str, float] = {}
    for config in LORA_CONFIGS:
        for name, found in lora_differences(compared_models(family, config)).items():
            largest[name] = max(largest.get(name, 0.0), found)
    library, n_configs = baselines.peft_version(), len(LORA_CONFIGS)
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
    """Every difference of one pair of models."""
    from finetune.lora import baselines

    base, ours, library = models
    tokens = torch.randint(0, base.config.vocab_size, (3, 24))
    found = {"forward": max_abs_difference(ours(tokens), library(tokens).logits)}
    found["adapters off"] = max_abs_difference(base(tokens), baselines.base_logits(library, tokens))
    for model in (ours, library):
        mean_next_token_loss(model, tokens).backward()
    theirs = {
        name: parameter_gradient(each) for name, each in baselines.peft_parameters(library).items()
    }
    found["gradients"] = max_abs_difference_by_name(
        baselines.mapped_adapter_tensors(ours, parameter_gradient), theirs
    )
    found["weights after 5 steps"] = difference_after_five_steps(ours, library)
    expected = baselines.merged_weights(library)
    weights = weights_to_transformers(merged_copy(ours).state_dict(), base.config)
    found["merged weights"] = max_abs_difference_by_name(
        weights, {name: expected[name] for name in weights}
    )
    return found


def parameter_gradient(parameter: Tensor) -> Tensor:
    """What the last backward pass left."""
    assert parameter.grad is not None
    return parameter.grad


def mean_next_token_loss(model: Any, tokens: Int[Tensor, "B T"]) -> Tensor:
    """The mean loss of the next tokens, of a model of ours or of theirs."""
    out = model(tokens[:, :-1])
    logits = out if isinstance(out, Tensor) else out.logits
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def difference_after_five_steps(ours: GPT, library: Any) -> float:
    """The largest difference of an A or a B after both have trained on the same batches."""
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
    """Our adapter read by peft, and peft's by us, beside a model that both read from a folder."""
    from finetune.lora import baselines

    base, ours, _ = compared_models(family, LORA_CONFIGS[0])
    tokens = torch.randint(0, base.config.vocab_size, (3, 24))
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder, adapter, other = (Path(name) / each for each in ("model", "ours", "theirs"))
        write_model(folder, base, end_of_text=0)
        write_adapter(adapter, ours)
        read_by_them = baselines.load_causal_lm_with_adapter(folder, adapter)(tokens).logits
        settings: dict[str, Any] = {"r": 4, "lora_alpha": 6, "target_modules": PEFT_TARGETS[family]}
        settings["fan_in_fan_out"] = family == "gpt2"
        theirs = baselines.write_peft_adapter(folder, other, **settings)
        read_by_us = read_model(folder).eval()
        read_adapter(other, read_by_us)
        pairs = {
            "our adapter files in peft": (ours(tokens), read_by_them),
            "peft's adapter files in ours": (read_by_us(tokens), theirs(tokens).logits),
        }
        before = base(tokens)
    rows = []
    for name, (mine, expected) in pairs.items():
        moved = max_abs_difference(expected, before)
        found = max_abs_difference(mine, expected) if moved > 0.01 else float("inf")
        note = f"the adapter moves the scores by up to {moved:.2g}"
        row = ComparisonRow(
            f"{name}, {FAMILY_NAMES[family]}",
            baselines.peft_version(),
            found,
            LORA_TOLERANCE,
            note=note,
        )
        rows.append(row)
    return rows


BATCH_SHAPES = {"tiny": (8, 32), "smollm2": (2, 128)}


def lora_step_row(size: str, floor: float) -> ComparisonRow:
    """A training step of adapters of rank 8 beside every part, forward, backward and AdamW."""
    from finetune.baselines import llama_config
    from finetune.lora import baselines

    base = GPT(config_from_transformers(llama_config(size).to_dict()))
    ours = with_random_adapters(base, LoraConfig(8, 16.0))
    library = baselines.as_peft_model(base, ours).train()
    rows, length = BATCH_SHAPES[size]
    tokens = torch.randint(0, base.config.vocab_size, (rows, length + 1))
    mine, theirs = our_lora_step(ours.train(), tokens), peft_lora_step(library, tokens)
    losses = torch.tensor([[mine(), theirs()] for _ in range(2)])
    largest = max_abs_difference(losses[:, 0], losses[:, 1])
    repeats, warmups = (3, 0) if size == "smollm2" else (40, 2)  # those two steps warmed up
    seconds = time_interleaved(mine, theirs, repeats, warmups)
    name = f"LoRA, training step, {size} shape, {rows} x {length}, rank 8 on all parts"
    return ComparisonRow(name, baselines.peft_version(), largest, 1e-5, *seconds, floor)


def our_lora_step(model: GPT, tokens: Int[Tensor, "B T"]) -> Callable[[], float]:
    """One step of ours with the optimizer that the training loop takes; returns the loss."""
    optimizer = make_adamw(lora_parameters(model), 1e-4, (0.9, 0.999), 0.01)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"]
    batch = Batch(tokens[:, :-1], tokens[:, 1:])

    def loss() -> Tensor:
        nats = next_token_loss(model, batch)
        return nats.total / nats.terms

    return stepper(optimizer, loss)


def peft_lora_step(model: Any, tokens: Int[Tensor, "B T"]) -> Callable[[], float]:
    """One step of peft's; it is given the targets, so that it need not shift."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4)
    inputs, targets = tokens[:, :-1], tokens[:, 1:].contiguous()
    return stepper(optimizer, lambda: model(inputs, labels=targets, shift_labels=targets).loss)
