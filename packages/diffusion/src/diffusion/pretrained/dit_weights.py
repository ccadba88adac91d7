"""The weights of a DiT under the names of diffusers' `DiTTransformer2DModel`, and back.

Both compute the same function. The layouts differ in three points:

  - Queries, keys and values are one matrix here, and three there.
  - A patch is embedded by a convolution there, so its numbers are in the order channel, row,
    column. Here their order is row, column, channel.
  - There, every block has its own embedding of the time and the label, as published weights do not
    (Peebles and Xie 2023). Ours are copied into every block.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from diffusion.model.conditions import LabelCondition, NoCondition
from diffusion.model.dit import DiT, DiTConfig
from diffusion.pretrained.dit_shapes import dit_config_from_diffusers, dit_config_to_diffusers
from gpt.errors import BadInput
from gpt.files import JsonObject
from gpt.runs.state import load_weights

DIT_LAYERS = {"modulation.linear": "proj_out_1", "output": "proj_out_2"}
DIT_BLOCK_LAYERS = {
    "attention.output": "attn1.to_out.0",
    "mlp.widen": "ff.net.0.proj",
    "mlp.narrow": "ff.net.2",
    "modulation.linear": "norm1.linear",
}
EMBEDDER_LAYERS = {
    "time.hidden": "norm1.emb.timestep_embedder.linear_1",
    "time.output": "norm1.emb.timestep_embedder.linear_2",
}
LABEL_TABLE = "norm1.emb.class_embedder.embedding_table.weight"
PATCH_CONVOLUTION, QKV = "pos_embed.proj", ("attn1.to_q", "attn1.to_k", "attn1.to_v")
WEIGHT_KINDS = ("weight", "bias")

Tensors = dict[str, Tensor]


class LibraryModel(NamedTuple):
    """A model in the format of diffusers."""

    config: JsonObject
    """Content of its `config.json`."""
    tensors: Tensors
    """Weights under their names there."""


def renamed_layers(config: DiTConfig) -> dict[str, str]:
    """Return the names of weights that only have another name there, by our names."""
    layers = dict(DIT_LAYERS)
    for number in range(config.n_layers):
        for ours, theirs in DIT_BLOCK_LAYERS.items():
            layers[f"blocks.{number}.{ours}"] = f"transformer_blocks.{number}.{theirs}"
    return {f"{a}.{kind}": f"{b}.{kind}" for a, b in layers.items() for kind in WEIGHT_KINDS}


def copied_embedders() -> dict[str, str]:
    """Return the names, within each block, of weights that we have once, by our names."""
    layers = {
        f"{a}.{kind}": f"{b}.{kind}" for a, b in EMBEDDER_LAYERS.items() for kind in WEIGHT_KINDS
    }
    return layers | {"condition.table.weight": LABEL_TABLE}


def dit_weights_to_diffusers(weights: Tensors, config: DiTConfig) -> Tensors:
    """Rename, split and copy our weights, which include a table of labels."""
    renamed, size = renamed_layers(config), config.patch_size
    tensors = {theirs: weights[ours] for ours, theirs in renamed.items()}
    patches = rearrange(weights["patches.weight"], "D (p q C) -> D C p q", p=size, q=size)
    tensors |= {
        f"{PATCH_CONVOLUTION}.weight": patches,
        f"{PATCH_CONVOLUTION}.bias": weights["patches.bias"],
    }
    for number in range(config.n_layers):
        block = f"transformer_blocks.{number}"
        for kind in WEIGHT_KINDS:
            parts = weights[f"blocks.{number}.attention.qkv.{kind}"].chunk(3)
            for name, part in zip(QKV, parts, strict=True):
                tensors[f"{block}.{name}.{kind}"] = part
        for ours, theirs in copied_embedders().items():
            tensors[f"{block}.{theirs}"] = weights[ours]
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def dit_weights_from_diffusers(tensors: Tensors, config: DiTConfig) -> Tensors:
    """Return the weights under our names; the embeddings of all blocks must be equal.

    Raises:
        BadInput: a weight is missing, or blocks have different embeddings of time or labels.
    """
    try:
        weights = {ours: tensors[theirs] for ours, theirs in renamed_layers(config).items()}
        patches = tensors[f"{PATCH_CONVOLUTION}.weight"]
        weights["patches.weight"] = rearrange(patches, "D C p q -> D (p q C)")
        weights["patches.bias"] = tensors[f"{PATCH_CONVOLUTION}.bias"]
        for number in range(config.n_layers):
            block = f"transformer_blocks.{number}"
            for kind in WEIGHT_KINDS:
                parts = [tensors[f"{block}.{name}.{kind}"] for name in QKV]
                weights[f"blocks.{number}.attention.qkv.{kind}"] = torch.cat(parts)
            for ours, theirs in copied_embedders().items():
                found = tensors[f"{block}.{theirs}"]
                if not torch.equal(weights.setdefault(ours, found), found):
                    raise BadInput(
                        f"block {number} has another {theirs!r} than block 0; this model has one "
                        "embedding for all blocks"
                    )
    except KeyError as error:
        raise BadInput(f"the weight {error} is missing") from error
    return weights


def dit_to_diffusers(model: DiT) -> LibraryModel:
    """Convert a DiT with labels or without a condition.

    Without a condition it becomes a model with one label, whose vector is 0.

    Raises:
        BadInput: diffusers has no class for this model.
    """
    weights, config = dict(model.state_dict()), model.config
    if isinstance(model.condition, NoCondition):
        weights["condition.table.weight"] = torch.zeros(2, config.d_model)
    elif not isinstance(model.condition, LabelCondition):
        raise BadInput(
            "diffusers has no class for a DiT with captions; a DiT to export needs a label or no "
            "condition"
        )
    n_labels = len(weights["condition.table.weight"]) - 1  # the last row is the null condition
    theirs = dit_config_to_diffusers(config, n_labels)
    return LibraryModel(theirs, dit_weights_to_diffusers(weights, config))


def dit_from_diffusers(library: LibraryModel) -> DiT:
    """Convert a `DiTTransformer2DModel`; one label whose vectors are 0 means no condition.

    Raises:
        BadInput: our model does not have this shape, or a weight is missing.
    """
    config = dit_config_from_diffusers(library.config)
    weights = dit_weights_from_diffusers(library.tensors, config)
    n_labels = len(weights["condition.table.weight"]) - 1
    if n_labels == 1 and not weights["condition.table.weight"].any():
        del weights["condition.table.weight"]
        condition = NoCondition(config.d_model)
    else:
        condition = LabelCondition(n_labels, config.d_model)
    model = DiT(config, condition)
    load_weights(model, weights)
    return model.eval()
