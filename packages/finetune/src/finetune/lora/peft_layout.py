"""Modules and tensors of an adapter in the library `peft`, and what they are in our layers.

peft adds one A and one B to a module of transformers. In Llama every projection is a module. In
GPT-2 one module, `c_attn`, computes q, k and v, so P adapters of rank r become one of rank P r: the
A's stacked, the B's as blocks of a matrix that is zero elsewhere, and P alpha instead of alpha, so
that alpha / r stays. An adapter trained by peft has one A for such a module: every projection gets
a copy of it.
"""

import re
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.lora.projections import AdapterSlices, LoraProjections, block_projections
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import transformers_family
from gpt.pretrained.weights import BODY, tensor_mappings

PEFT_PREFIX = "base_model.model."


class LoraFactors(NamedTuple):
    """The matrices A and B of one adapter."""

    a: Float[Tensor, "R D"]
    b: Float[Tensor, "N R"]


class SplitAdapter(NamedTuple):
    """The adapter of a peft module, split into one of equal rank per projection."""

    outputs: list[slice]
    """Outputs of our layer, one slice per projection."""
    rank: int
    scale: float
    factors: LoraFactors
    """The A's and the B's of the projections, both stacked as in `LoraProjections`."""


class PeftModule(NamedTuple):
    """A module of transformers that can have an adapter."""

    path: str
    layer: str
    """Name of our layer that does its work."""
    n_inputs: int
    projections: dict[str, slice]
    """Projections that the module computes, as slices of the outputs of our layer."""

    @property
    def n_outputs(self) -> int:
        """Number of outputs of the module."""
        return sum(each.stop - each.start for each in self.projections.values())

    def tensor_name(self, factor: str) -> str:
        """Return the name under which peft's file stores this module's A or B."""
        return f"{PEFT_PREFIX}{self.path}.lora_{factor}.weight"

    def rows(self, outputs: slice) -> slice:
        """Return the rows of the module's B that belong to these outputs of our layer."""
        first = min(each.start for each in self.projections.values())
        return slice(outputs.start - first, outputs.stop - first)

    def adapters(self, layer: LoraProjections) -> dict[str, AdapterSlices]:
        """Return the adapters of our layer that belong to the module, by projection."""
        names = {each.start: name for name, each in self.projections.items()}
        return {
            names[each.outputs.start]: each for each in layer.slices if each.outputs.start in names
        }

    def join(self, layer: LoraProjections) -> LoraFactors:
        """Return the adapters of our layer that belong to the module as a single one."""
        slices, rank = self.adapters(layer).values(), layer.rank
        a = torch.cat([layer.a.detach()[each.a] for each in slices])
        b = a.new_zeros(self.n_outputs, len(a))
        for columns, each in zip(b.split(rank, dim=1), slices, strict=True):
            columns[self.rows(each.outputs)] = layer.b.detach()[each.b]
        return LoraFactors(a.cpu(), b.cpu())

    def split(self, factors: LoraFactors, scale: float, joined: str | None) -> SplitAdapter:
        """Return an adapter per projection.

        `joined` names the projections whose adapters were joined into this one; if it is None, the
        module's A is copied to all of its projections.

        Raises:
            BadInput: the adapter is not one that was joined from these projections.
        """
        a, b = factors
        if joined is None:
            outputs = [*self.projections.values()]
            return SplitAdapter(outputs, len(a), scale, LoraFactors(a.repeat(len(outputs), 1), b))
        names = joined.split()
        if not names or len(a) % len(names) or not {*names} <= self.projections.keys():
            raise BadInput(
                f"the adapter of rank {len(a)} at {self.path} is not joined from {joined!r}"
            )
        outputs, rank = [self.projections[name] for name in names], len(a) // len(names)
        blocks, outside = [], b.clone()
        for i, rows in enumerate(map(self.rows, outputs)):
            columns = slice(i * rank, (i + 1) * rank)
            blocks.append(b[rows, columns])
            outside[rows, columns] = 0
        if outside.any():
            raise BadInput(f"B of {self.path} is not zero outside the blocks of {joined!r}")
        return SplitAdapter(outputs, rank, scale, LoraFactors(a, torch.cat(blocks)))


def peft_modules(shape: GPTConfig) -> list[PeftModule]:
    """Return the modules of all blocks that can have an adapter, in the order of the model.

    Raises:
        BadInput: transformers has no class for a model of this shape.
    """
    body, projections, found = BODY[transformers_family(shape)], block_projections(shape), []
    for row in tensor_mappings(shape):
        if not re.fullmatch(r"blocks\.\d+\..+\.weight", row.ours):
            continue
        layer = row.ours.removesuffix(".weight")
        name_in_block = layer.split(".", 2)[2]
        here = {name: each for name, each in projections.items() if each.layer == name_in_block}
        paths = [body + each.removesuffix(".weight") for each in row.theirs]
        slices = {name: each.outputs for name, each in here.items()}
        n_inputs = next(iter(here.values())).n_inputs
        if len(paths) == 1:
            found.append(PeftModule(paths[0], layer, n_inputs, slices))
        else:
            found += [
                PeftModule(path, layer, n_inputs, {name: outputs})
                for path, (name, outputs) in zip(paths, slices.items(), strict=True)
            ]
    return found
