r"""Walk through a block with tensors that have only a size, and list what autograd would save.

For y = f(x), the backward pass needs whatever the derivative of f depends on. A product x W^T saves
x if W is trained (the gradient of W is g^T x), and W is in memory anyway. A norm saves its input
and one or two numbers per row. Attention saves queries, keys, values, its output and a logarithm
per row, never the T x T weights (Dao et al. 2022, "FlashAttention", section 3.1). A sum saves
nothing, and a tensor that two operations save is stored once.
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
"""Tensors that an activation function saves, besides its output."""
GATE_ACTIVATIONS = {gated: activation for activation, gated in GATED_KINDS.items()}


@lru_cache
def meta_model(config: GPTConfig, lora: LoraConfig | None = None) -> GPT:
    """Make the model on the meta device, where even a large one takes no memory."""
    with torch.device("meta"):
        model = GPT(config)
        if lora is not None:
            inject(model, lora)
        return model


class MetaTensor(NamedTuple):
    """A tensor whose size is known and whose values are not."""

    name: str
    width: int
    """Numbers per position of the batch."""
    bytes_per_number: int
    has_gradient: bool
    """Whether the backward pass reaches it, because something before it is trained."""

    def converted(self, bytes_per_number: int, copy_name: str) -> "MetaTensor":
        """Return this tensor in a format: itself, or a copy if the format differs."""
        if self.bytes_per_number == bytes_per_number:
            return self
        return self._replace(name=copy_name, bytes_per_number=bytes_per_number)


@dataclass
class SavedActivations:
    """Collects the tensors that each operation of a block saves."""

    config: GPTConfig
    step: TrainingStep
    saved_per_position: dict[str, int] = field(default_factory=dict)
    """Bytes per position, by tensor."""
    saved_once: dict[str, int] = field(default_factory=dict)
    """Bytes that do not depend on the batch: bf16 copies of weights and rotary tables."""

    def save(self, x: MetaTensor) -> None:
        """Add a tensor; saving it twice changes nothing."""
        self.saved_per_position[x.name] = x.width * x.bytes_per_number

    @cached_property
    def adapters(self) -> dict[str, list[int]]:
        """Output widths of the adapters of each product."""
        widths: dict[str, list[int]] = defaultdict(list)
        if self.step.lora is not None:
            for part in select_projections(self.config, self.step.lora.targets):
                widths[part.layer].append(part.outputs.stop - part.outputs.start)
        return widths

    def total_bytes(self, n_positions: int) -> int:
        """Sum all saved tensors, for a batch of `n_positions` positions."""
        return n_positions * sum(self.saved_per_position.values()) + sum(self.saved_once.values())

    def block(self, x: MetaTensor) -> MetaTensor:
        """Walk through the operations of `PreNormBlock`."""
        mixed = self.attention(self.product(self.norm(x, "attention norm"), "attention.qkv"))
        x = self.residual_sum("stream, halfway", x, self.product(mixed, "attention.output"))
        return self.residual_sum("stream", x, self.mlp(self.norm(x, "mlp norm")))

    def mlp(self, x: MetaTensor) -> MetaTensor:
        """Walk through the operations of `FeedForward` or `GatedFeedForward`."""
        kind = self.config.feed_forward
        if kind not in GATE_ACTIVATIONS:
            return self.product(self.activation(self.product(x, "mlp.widen"), kind), "mlp.narrow")
        gate = self.activation(self.product(x, "mlp.gate"), GATE_ACTIVATIONS[kind])
        up = self.product(x, "mlp.up")
        if gate.has_gradient:
            self.save(up)
        if up.has_gradient:
            self.save(gate)
        gated = gate._replace(name="gated", has_gradient=gate.has_gradient or up.has_gradient)
        return self.product(gated, "mlp.narrow")

    def norm(self, x: MetaTensor, name: str) -> MetaTensor:
        """LayerNorm saves x, mean and deviation; RMSNorm works in fp32 and saves x and x scaled."""
        rms, trained = self.config.norm_kind == "rms", self.step.lora is None
        if x.has_gradient:
            x_saved = x.converted(4, f"{name}: input") if rms else x
            self.save(x_saved)
            scale = MetaTensor(f"{name}: scale", 1 if rms else 2, x_saved.bytes_per_number, True)
            self.save(scale)
        if rms and trained:  # for the gradient of the gain
            self.save(MetaTensor(f"{name}: before the gain", x.width, 4, True))
        return x._replace(name=name)

    def product(self, x: MetaTensor, name: str) -> MetaTensor:
        """A product saves its input if its matrix is trained; mixed precision copies both."""
        size, layer = self.step.product_bytes, meta_model(self.config).blocks[0].get_submodule(name)
        width = len(layer.get_parameter("weight"))
        adapters = self.adapters[name]
        if self.step.precision == "mixed" and not self.step.quantised:
            self.saved_once[f"{name}: matrix"] = x.has_gradient * x.width * width * size
        if self.step.lora is None:
            self.save(x.converted(size, f"{name}: input"))
        elif adapters:
            self.adapter(x, name, adapters, self.step.lora.rank)
        return MetaTensor(
            name, width, size, x.has_gradient or self.step.lora is None or bool(adapters)
        )

    def adapter(self, x: MetaTensor, name: str, widths: list[int], rank: int) -> None:
        """An adapter saves its input and the output of A; in fp32 also the scaled B.

        Its weights are in fp32, so inputs of another format are copied; only mixed precision
        computes its products in bf16, and copies A and B as well.
        """
        precision = self.step.precision
        size = 2 if precision == "mixed" else 4
        self.save(
            x
            if precision == "fp32"
            else x._replace(name=f"{name}: input of A", bytes_per_number=size)
        )
        self.save(MetaTensor(f"{name}: output of A", len(widths) * rank, size, True))
        if precision != "bf16":
            self.saved_once[f"{name}: B"] = rank * sum(widths) * size
        if precision == "mixed":
            self.saved_once[f"{name}: A"] = x.has_gradient * len(widths) * rank * x.width * size

    def attention(self, x: MetaTensor) -> MetaTensor:
        """Attention saves rotated queries and keys, and the values inside the product's output."""
        config = self.config
        mixed = x._replace(name="mixed values", width=config.n_heads * config.d_head)
        if not x.has_gradient:
            return mixed
        self.save(x)
        self.save(mixed)
        self.save(MetaTensor("logarithms of attention", config.n_heads, 4, True))
        if config.positions == "rotary":
            width = (config.n_heads + config.kv_heads) * config.d_head
            self.save(x._replace(name="rotated queries and keys", width=width))
            if self.step.precision == "mixed":
                self.saved_once["cosines and sines"] = (
                    2 * self.step.n_positions * config.d_head * x.bytes_per_number
                )
        return mixed

    def activation(self, x: MetaTensor, kind: str) -> MetaTensor:
        """An activation saves what its derivative needs; for ReLU its output is enough."""
        activated = x._replace(name="activated")
        one_kernel = self.step.precision != "fp32"  # GELU; our fp32 kernel saves a sigmoid too
        if x.has_gradient and kind == "relu":
            self.save(activated)
        elif x.has_gradient:
            for i in range(min(ACTIVATION_TENSORS[kind], 1 if one_kernel else 2)):
                self.save(x._replace(name=f"activation: {('input', 'sigmoid')[i]}"))
        return activated

    def residual_sum(self, name: str, x: MetaTensor, update: MetaTensor) -> MetaTensor:
        """A sum saves nothing; dropout before it saves its mask, a byte per number."""
        if self.config.dropout and update.has_gradient:
            self.save(MetaTensor(f"{name}: dropout", update.width, 1, True))
        return x._replace(name=name, has_gradient=x.has_gradient or update.has_gradient)
