r"""A block run over outlines of tensors, noting what autograd would keep of each operation.

Where y = f(x), the backward pass needs what the slope of f depends on. A product x W^T keeps x if W
is trained (the gradient of W is g^T x) and nothing else, for W is there anyway. A norm keeps its
input and a number or two a row. Attention keeps queries, keys, values, its output and a logarithm a
row, never the T x T weights (Dao et al. 2022, "FlashAttention", section 3.1). A sum keeps nothing,
and what two operations keep is there once.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch

from finetune.lora.inject import LoraConfig, inject
from finetune.lora.projections import select_projections
from finetune.memory.step import TrainingStep
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.pretrained.shapes import GATED_KINDS

ACTIVATION_TENSORS = {"relu": 0, "relu2": 1, "silu": 1, "gelu": 2, "gelu-erf": 1}
"""How many tensors of their width the bends keep, beside their output."""
GATE_ACTIVATIONS = {gated: bend for bend, gated in GATED_KINDS.items()}


@lru_cache
def meta_model(config: GPTConfig, lora: LoraConfig | None = None) -> GPT:
    """The model without its numbers, whatever its size."""
    with torch.device("meta"):
        model = GPT(config)
        if lora is not None:
            inject(model, lora)
        return model


class MetaTensor(NamedTuple):
    """A tensor of which only the size is known."""

    name: str
    numbers: int
    """How many, for each position of the batch."""
    size: int
    """Bytes of a number."""
    live: bool
    """Whether a gradient comes to it: something before it is trained."""


@dataclass
class SavedActivations:
    """Notes what each operation keeps, as a block runs over outlines."""

    config: GPTConfig
    step: TrainingStep
    kept: dict[str, int] = field(default_factory=dict)
    """Bytes a position, by name."""
    once: dict[str, int] = field(default_factory=dict)
    """Bytes whatever the batch: what mixed precision copies to bf16 of weights and tables."""

    def keep(self, x: MetaTensor) -> None:
        """Note a tensor; a second time changes nothing."""
        self.kept[x.name] = x.numbers * x.size

    @cached_property
    def adapters(self) -> dict[str, list[int]]:
        """The widths of what the adapters beside each product make."""
        widths: dict[str, list[int]] = defaultdict(list)
        if self.step.lora is not None:
            for part in select_projections(self.config, self.step.lora.targets):
                widths[part.layer].append(part.n_outputs)
        return widths

    def width(self, name: str) -> int:
        """How many numbers a product makes."""
        layer = meta_model(self.config).blocks[0].get_submodule(name)
        return len(layer.get_parameter("weight"))

    def bytes(self, places: int) -> int:
        """All that was noted, for so many positions."""
        return places * sum(self.kept.values()) + sum(self.once.values())

    def block(self, x: MetaTensor) -> MetaTensor:
        """The operations of `PreNormBlock`."""
        gathered = self.attention(self.product(self.norm(x, "attention norm"), "attention.qkv"))
        x = self.sum("stream, halfway", x, self.product(gathered, "attention.output"))
        return self.sum("stream", x, self.mlp(self.norm(x, "mlp norm")))

    def mlp(self, x: MetaTensor) -> MetaTensor:
        """The operations of `FeedForward` and `GatedFeedForward`."""
        kind = self.config.feed_forward
        if kind not in GATE_ACTIVATIONS:
            return self.product(self.bend(self.product(x, "mlp.widen"), kind), "mlp.narrow")
        gate = self.bend(self.product(x, "mlp.gate"), GATE_ACTIVATIONS[kind])
        up = self.product(x, "mlp.up")
        if gate.live:
            self.keep(up)
        if up.live:
            self.keep(gate)
        gated = gate._replace(name="gated", live=gate.live or up.live)
        return self.product(gated, "mlp.narrow")

    def norm(self, x: MetaTensor, name: str) -> MetaTensor:
        """LayerNorm keeps x, mean and deviation; RMSNorm works in fp32, keeps x and x scaled."""
        rms, trained = self.config.norm_kind == "rms", self.step.lora is None
        if x.live:
            self.keep(x if not rms or x.size == 4 else x._replace(name=f"{name}: input", size=4))
            self.keep(MetaTensor(f"{name}: scale", 1 if rms else 2, 4 if rms else x.size, True))
        if rms and trained:  # for the gradient of the gain
            self.keep(MetaTensor(f"{name}: before the gain", x.numbers, 4, True))
        return x._replace(name=name)

    def product(self, x: MetaTensor, name: str) -> MetaTensor:
        """A product keeps what it reads if its matrix is trained; mixed precision copies both."""
        size, width = self.step.product_bytes, self.width(name)
        adapters = self.adapters[name]
        if self.step.precision == "mixed" and not self.step.quantised:
            self.once[f"{name}: matrix"] = x.live * x.numbers * width * size
        if self.step.lora is None:
            self.keep(x if x.size == size else x._replace(name=f"{name}: input", size=size))
        elif adapters:
            self.adapter(x, name, adapters, self.step.lora.rank)
        return MetaTensor(name, width, size, x.live or self.step.lora is None or bool(adapters))

    def adapter(self, x: MetaTensor, name: str, widths: list[int], rank: int) -> None:
        """An adapter keeps what it reads and what A makes of it; in fp32 also B, scaled.

        Its own numbers are in fp32, so inputs of another format are copied; only mixed precision
        takes its products in bf16, and copies A and B too.
        """
        precision = self.step.precision
        size = 2 if precision == "mixed" else 4
        self.keep(x if precision == "fp32" else x._replace(name=f"{name}: input of A", size=size))
        self.keep(MetaTensor(f"{name}: output of A", len(widths) * rank, size, True))
        if precision != "bf16":
            self.once[f"{name}: B"] = rank * sum(widths) * size
        if precision == "mixed":
            self.once[f"{name}: A"] = x.live * len(widths) * rank * x.numbers * size

    def attention(self, x: MetaTensor) -> MetaTensor:
        """All queries and keys, turned; the values, in one tensor with those not yet turned."""
        config = self.config
        gathered = x._replace(name="gathered", numbers=config.n_heads * config.d_head)
        if not x.live:
            return gathered
        self.keep(x)
        self.keep(gathered)
        self.keep(MetaTensor("logarithms of attention", config.n_heads, 4, True))
        if config.positions == "rotary":
            turned = (config.n_heads + config.kv_heads) * config.d_head
            self.keep(x._replace(name="queries and keys, turned", numbers=turned))
            if self.step.precision == "mixed":
                self.once["cosines and sines"] = 2 * self.step.positions * config.d_head * x.size
        return gathered

    def bend(self, x: MetaTensor, kind: str) -> MetaTensor:
        """A bend keeps what its slope is made of: ReLU's is 1 where its output is not 0."""
        bent = x._replace(name="bent")
        one_kernel = self.step.precision != "fp32"  # GELU, where ours keeps a sigmoid too
        if x.live and kind == "relu":
            self.keep(bent)
        elif x.live:
            for i in range(min(ACTIVATION_TENSORS[kind], 1 if one_kernel else 2)):
                self.keep(x._replace(name=f"bend: {('input', 'sigmoid')[i]}"))
        return bent

    def sum(self, name: str, x: MetaTensor, update: MetaTensor) -> MetaTensor:
        """A sum keeps nothing; dropout before it which numbers stayed, a byte each."""
        if self.config.dropout and update.live:
            self.keep(MetaTensor(f"{name}: dropout", update.numbers, 1, True))
        return x._replace(name=name, live=x.live or update.live)
