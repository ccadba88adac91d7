"""Converting weights between our names and layouts and those of transformers.

Three things differ: names; the layout of GPT-2's matrices (its Conv1D stores (in, out), we store
(out, in)); and the projections of Llama, which has separate matrices for queries, keys and values,
where ours stacks their rows in one. One table describes all of that for both directions. Gradients
have the layout of their weights, so the same table converts them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.buffers import is_constant_buffer
from gpt.pretrained.shapes import transformers_family

BODY = {"gpt2": "transformer.", "llama": "model.", "arcee": "model."}
HEAD = "lm_head.weight"


class TensorMapping(NamedTuple):
    """One tensor of ours, and the tensors of transformers that it is stacked from."""

    ours: str
    theirs: tuple[str, ...]
    sizes: tuple[int, ...] = (-1,)
    """Rows of each tensor in `theirs`; -1 if there is only one."""
    transposed: bool = False
    """Whether transformers stores the transposed matrix."""


def tensor_mappings(config: GPTConfig) -> list[TensorMapping]:
    """Return the mappings of all tensors; names of the body are without their prefix."""
    family = transformers_family(config)
    mappings = gpt2_mappings(config) if family == "gpt2" else llama_mappings(config)
    return mappings if config.tied_head else [*mappings, TensorMapping("head", (HEAD,))]


def gpt2_mappings(config: GPTConfig) -> list[TensorMapping]:
    """Return the mappings of GPT-2: everything has a bias, and matrices are transposed."""
    mappings = [
        TensorMapping("embedding.weight", ("wte.weight",)),
        TensorMapping("positions.weight", ("wpe.weight",)),
    ]
    norms, linears = {"final_norm": "ln_f"}, {}
    for layer in range(config.n_layers):
        ours, theirs = f"blocks.{layer}", f"h.{layer}"
        norms |= {f"{ours}.attention_norm": f"{theirs}.ln_1", f"{ours}.mlp_norm": f"{theirs}.ln_2"}
        linears |= {
            f"{ours}.attention.qkv": f"{theirs}.attn.c_attn",
            f"{ours}.attention.output": f"{theirs}.attn.c_proj",
            f"{ours}.mlp.widen": f"{theirs}.mlp.c_fc",
            f"{ours}.mlp.narrow": f"{theirs}.mlp.c_proj",
        }
    for ours, theirs in norms.items():
        mappings += [
            TensorMapping(f"{ours}.gain", (f"{theirs}.weight",)),
            TensorMapping(f"{ours}.bias", (f"{theirs}.bias",)),
        ]
    for ours, theirs in linears.items():
        mappings.append(TensorMapping(f"{ours}.weight", (f"{theirs}.weight",), transposed=True))
        mappings.append(TensorMapping(f"{ours}.bias", (f"{theirs}.bias",)))
    return mappings


def llama_mappings(config: GPTConfig) -> list[TensorMapping]:
    """Return the mappings of Llama and Arcee: separate projections, biases only if configured."""
    mappings = [
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
        mappings += [
            TensorMapping(f"{ours}.{a}.gain", (f"{theirs}.{b}.weight",)) for a, b in norms.items()
        ]
        for kind in ("weight", "bias") if config.attention_bias else ("weight",):
            parts = tuple(f"{theirs}.self_attn.{each}_proj.{kind}" for each in "qkv")
            mappings.append(TensorMapping(f"{ours}.attention.qkv.{kind}", parts, heads))
            output = f"{theirs}.self_attn.o_proj.{kind}"
            mappings.append(TensorMapping(f"{ours}.attention.output.{kind}", (output,)))
        for kind in ("weight", "bias") if config.ff_bias else ("weight",):
            for a, b in (widen | {"narrow": "down_proj"}).items():
                mappings.append(
                    TensorMapping(f"{ours}.mlp.{a}.{kind}", (f"{theirs}.mlp.{b}.{kind}",))
                )
    return mappings


def weights_from_transformers(
    state_dict: dict[str, Tensor], config: GPTConfig
) -> dict[str, Tensor]:
    """Convert a state dict (or gradients by name) of a transformers model to our names and layouts.

    Raises:
        BadInput: a tensor is missing, unknown, or a constant with another value than ours.
    """
    stored = {
        name: tensor
        for name, tensor in without_body_prefix(state_dict, config).items()
        if not is_constant_buffer(name, tensor, config)
    }
    if config.tied_head:
        stored.pop(HEAD, None)
    mappings = tensor_mappings(config)
    expected = {name for mapping in mappings for name in mapping.theirs}
    for name in sorted(expected ^ stored.keys()):
        state = "misses" if name in expected else "has an unknown"
        raise BadInput(f"the checkpoint {state} tensor {name!r}")
    ours = {}
    for mapping in mappings:
        parts = [stored[name].T if mapping.transposed else stored[name] for name in mapping.theirs]
        ours[mapping.ours] = torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()
    return ours


def without_body_prefix(state_dict: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """Remove the prefix of the body from all names; the first GPT-2 files do not have it.

    Raises:
        BadInput: a tensor occurs both with and without the prefix.
    """
    body = BODY[transformers_family(config)]
    found = {name.removeprefix(body): tensor for name, tensor in state_dict.items()}
    for name in found:
        if name in state_dict and body + name in state_dict:
            raise BadInput(
                f"the checkpoint has the tensors {name!r} and {body + name!r}; it must have one"
            )
    return found


def has_own_head(state_dict: dict[str, Tensor], config: GPTConfig) -> bool:
    """Whether a checkpoint with a tied head stores a head that differs from its embedding.

    Some published models do; transformers then keeps both.
    """
    found = without_body_prefix(state_dict, config)
    mappings = {each.ours: each.theirs for each in tensor_mappings(config)}
    (embedding,) = mappings["embedding.weight"]
    both = config.tied_head and HEAD in found and embedding in found
    return both and not torch.equal(found[HEAD], found[embedding])


def weights_to_transformers(ours: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """Convert our weights (or gradients) by name to the state dict of a transformers model.

    GPT-2 has biases everywhere; a bias that our model does not have becomes zeros.
    """
    body, state_dict = BODY[transformers_family(config)], {}
    for mapping in tensor_mappings(config):
        if mapping.ours in ours:
            tensor = ours[mapping.ours]
        else:
            weight = ours[mapping.ours.removesuffix("bias") + "weight"]
            tensor = weight.new_zeros(len(weight))
        parts = tensor.split(list(mapping.sizes)) if len(mapping.sizes) > 1 else [tensor]
        for name, part in zip(mapping.theirs, parts, strict=True):
            full = name if name == HEAD else body + name
            state_dict[full] = (part.T if mapping.transposed else part).contiguous()
    return state_dict
