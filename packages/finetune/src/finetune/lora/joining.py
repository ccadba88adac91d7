"""Several adapters as one, and back, where one module of theirs makes several parts of ours.

P adapters of rank r, say of queries, keys and values, are one adapter of rank P r: the A's on top
of each other, the B's as blocks of a matrix that is zero elsewhere, and P alpha in place of alpha,
so that alpha / r stays. The other way round, the one A of such a module becomes that of each part.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.lora.layer import LoraLinear
from finetune.lora.peft_layout import PeftModule, RankAndScale
from gpt.errors import BadInput


class LoraFactors(NamedTuple):
    """An A and a B."""

    a: Float[Tensor, "R D"]
    b: Float[Tensor, "N R"]


class SplitAdapter(NamedTuple):
    """Adapters of parts of a layer, stacked as the layer has them."""

    outputs: list[slice]
    rank: int
    scale: float
    factors: LoraFactors


def adapted_projections(layer: LoraLinear, module: PeftModule) -> list[str]:
    """The parts of the module that have an adapter."""
    outputs = [place.outputs for place in layer.places]
    return [name for name, part in module.parts.items() if part in outputs]


def join_adapters(layer: LoraLinear, module: PeftModule, chosen: list[str]) -> LoraFactors:
    """The adapters of the chosen parts as one adapter of the module."""
    at = {place.outputs.start: place for place in layer.places}
    places = [at[module.parts[name].start] for name in chosen]
    a = torch.cat([layer.a.detach()[place.a] for place in places])
    b = a.new_zeros(module.n_outputs, len(a))
    for index, place in enumerate(places):
        rows = slice(place.outputs.start - module.first, place.outputs.stop - module.first)
        columns = slice(index * layer.rank, (index + 1) * layer.rank)
        b[rows, columns] = layer.b.detach()[place.b]
    return LoraFactors(a.cpu(), b.cpu())


def split_adapter(
    module: PeftModule, settings: RankAndScale, factors: LoraFactors, parts: str | None
) -> SplitAdapter:
    """An adapter for each part that the module makes.

    With `parts`, the adapter was joined of theirs; without, its A serves every part.
    """
    (rank, scale), (a, b) = settings, factors
    if parts is None:
        outputs = [*module.parts.values()]
        return SplitAdapter(outputs, rank, scale, LoraFactors(a.repeat(len(outputs), 1), b))
    names = parts.split()
    if not names or rank % len(names) or not {*names} <= module.parts.keys():
        raise BadInput(f"an adapter of rank {rank} at {module.path} is not joined of {parts!r}")
    outputs, own = [module.parts[name] for name in names], rank // len(names)
    blocks, rest = [], b.clone()
    for index, part in enumerate(outputs):
        rows = slice(part.start - module.first, part.stop - module.first)
        columns = slice(index * own, (index + 1) * own)
        blocks.append(b[rows, columns])
        rest[rows, columns] = 0
    if rest.any():
        raise BadInput(f"the B of {module.path} is not zero outside the blocks of {parts!r}")
    return SplitAdapter(outputs, own, scale, LoraFactors(a, torch.cat(blocks)))
