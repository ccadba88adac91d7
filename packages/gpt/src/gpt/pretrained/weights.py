"""The weights of a model under the names of transformers, and back.

Three things differ. Names. Conv1D: GPT-2 stores its matrices as (in, out), ours are (out, in).
Cuts: Llama keeps queries, keys and values apart, where one product of ours makes all of them, so
their rows are stacked. A table of rows says all of that once, for both directions.
Gradients have the layout of their weights, so the same table maps them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.buffers import drop_constant_buffers
from gpt.pretrained.shapes import transformers_family

BODY = {"gpt2": "transformer.", "llama": "model.", "arcee": "model."}
HEAD = "lm_head.weight"


class TensorMapping(NamedTuple):
    """One tensor of ours and those of theirs that it is stacked from."""

    ours: str
    theirs: tuple[str, ...]
    sizes: tuple[int, ...] = (-1,)
    """Rows of each; -1 where there is but one."""
    flipped: bool = False
    """Whether theirs lie transposed."""


def tensor_mappings(config: GPTConfig) -> list[TensorMapping]:
    """Every tensor of a model of this shape; names of the body go without their prefix."""
    family = transformers_family(config)
    rows = gpt2_mappings(config) if family == "gpt2" else llama_mappings(config)
    return rows if config.tied_head else [*rows, TensorMapping("head", (HEAD,))]


def gpt2_mappings(config: GPTConfig) -> list[TensorMapping]:
    """GPT-2: everything has a bias, and the matrices lie transposed."""
    rows = [
        TensorMapping("embedding.weight", ("wte.weight",)),
        TensorMapping("positions.weight", ("wpe.weight",)),
    ]
    norms, products = {"final_norm": "ln_f"}, {}
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"h.{layer}"
        norms |= {f"{ours}.attention_norm": f"{theirs}.ln_1", f"{ours}.mlp_norm": f"{theirs}.ln_2"}
        products |= {
            f"{ours}.attention.qkv": f"{theirs}.attn.c_attn",
            f"{ours}.attention.output": f"{theirs}.attn.c_proj",
            f"{ours}.mlp.widen": f"{theirs}.mlp.c_fc",
            f"{ours}.mlp.narrow": f"{theirs}.mlp.c_proj",
        }
    for ours, theirs in norms.items():
        rows += [
            TensorMapping(f"{ours}.gain", (f"{theirs}.weight",)),
            TensorMapping(f"{ours}.bias", (f"{theirs}.bias",)),
        ]
    for ours, theirs in products.items():
        rows.append(TensorMapping(f"{ours}.weight", (f"{theirs}.weight",), flipped=True))
        rows.append(TensorMapping(f"{ours}.bias", (f"{theirs}.bias",)))
    return rows


def llama_mappings(config: GPTConfig) -> list[TensorMapping]:
    """Llama and Arcee: no transposes; projections apart; biases where the config has them."""
    rows = [
        TensorMapping("embedding.weight", ("embed_tokens.weight",)),
        TensorMapping("final_norm.gain", ("norm.weight",)),
    ]
    heads = (config.n_heads * config.d_head, *[config.kv_heads * config.d_head] * 2)
    widen = (
        {"gate": "gate_proj", "up": "up_proj"}
        if transformers_family(config) == "llama"
        else {"widen": "up_proj"}
    )
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"layers.{layer}"
        norms = {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}
        rows += [
            TensorMapping(f"{ours}.{a}.gain", (f"{theirs}.{b}.weight",)) for a, b in norms.items()
        ]
        for kind in ("weight", "bias") if config.attention_bias else ("weight",):
            parts = tuple(f"{theirs}.self_attn.{each}_proj.{kind}" for each in "qkv")
            rows.append(TensorMapping(f"{ours}.attention.qkv.{kind}", parts, heads))
            output = f"{theirs}.self_attn.o_proj.{kind}"
            rows.append(TensorMapping(f"{ours}.attention.output.{kind}", (output,)))
        for kind in ("weight", "bias") if config.ff_bias else ("weight",):
            for a, b in (widen | {"narrow": "down_proj"}).items():
                rows.append(TensorMapping(f"{ours}.mlp.{a}.{kind}", (f"{theirs}.mlp.{b}.{kind}",)))
    return rows


def weights_from_transformers(theirs: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """Our tensors by name from a state dict (or the gradients) of a transformers model.

    Raises:
        BadInput: a tensor is missing, or is there and has no place in this shape, or a constant
            that some files hold has another value than ours.
    """
    given = drop_constant_buffers(without_body_prefix(theirs, config), config)
    if config.tied_head:
        given.pop(HEAD, None)
    rows = tensor_mappings(config)
    wanted = {name for row in rows for name in row.theirs}
    for name in sorted(wanted ^ given.keys()):
        state = "misses" if name in wanted else "has an unknown"
        raise BadInput(f"the checkpoint {state} tensor {name!r}")
    ours = {}
    for row in rows:
        parts = [given[name].T if row.flipped else given[name] for name in row.theirs]
        ours[row.ours] = torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()
    return ours


def without_body_prefix(theirs: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """The tensors without the prefix of the body, which the first GPT-2 files lack.

    Raises:
        BadInput: a tensor is there with the prefix and without it.
    """
    body = BODY[transformers_family(config)]
    found = {name.removeprefix(body): tensor for name, tensor in theirs.items()}
    for name in found:
        if name in theirs and body + name in theirs:
            raise BadInput(f"the checkpoint has the tensors {name!r} and {body + name!r}")
    return found


def has_own_head(theirs: dict[str, Tensor], config: GPTConfig) -> bool:
    """Whether a checkpoint that should have a tied head has another one.

    Some published models do; transformers then keeps both.
    """
    found = without_body_prefix(theirs, config)
    (embedding,) = next(
        row.theirs for row in tensor_mappings(config) if row.ours == "embedding.weight"
    )
    both = config.tied_head and HEAD in found and embedding in found
    return both and not torch.equal(found[HEAD], found[embedding])


def weights_to_transformers(ours: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """The state dict (or the gradients) of a transformers model from our tensors by name.

    GPT-2 has biases everywhere: where ours has none, they are zeros.
    """
    body, theirs = BODY[transformers_family(config)], {}
    for row in tensor_mappings(config):
        tensor = ours[row.ours] if row.ours in ours else absent_bias(ours, row.ours)
        for name, part in zip(
            row.theirs,
            tensor.split(list(row.sizes)) if len(row.sizes) > 1 else [tensor],
            strict=True,
        ):
            full = name if name == HEAD else body + name
            theirs[full] = (part.T if row.flipped else part).contiguous()
    return theirs


def absent_bias(ours: dict[str, Tensor], name: str) -> Tensor:
    """Zeros, as many as the product beside it has rows."""
    weight = ours[name.removesuffix("bias") + "weight"]
    return weight.new_zeros(weight.shape[0])
