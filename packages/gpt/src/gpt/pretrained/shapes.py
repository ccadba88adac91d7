"""The shape of a model in the words of transformers, and back: GPT-2, Llama and Arcee.

GPT-2 has learned positions and LayerNorm; Llama has rotary positions, RMSNorm and a gate in its
feed-forward layer; Arcee is Llama without the gate. What stands in a `config.json` becomes a
`GPTConfig`; what ours cannot express is refused by name, never ignored (`settings`).
"""

from typing import Any

from gpt.errors import BadInput
from gpt.model.config import FeedForwardKind, GPTConfig
from gpt.pretrained.settings import CONFIG, IN_OLDER_CONFIGS, ROTATION

ACTIVATION_KINDS: dict[str, FeedForwardKind] = {
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu": "gelu-erf",
    "relu": "relu",
    "relu2": "relu2",
    "silu": "silu",
    "swish": "silu",
}
GATED_KINDS: dict[str, FeedForwardKind] = {
    "silu": "swiglu",
    "gelu": "geglu",
    "gelu-erf": "geglu-erf",
    "relu": "reglu",
}


def config_from_transformers(theirs: dict[str, Any]) -> GPTConfig:
    """Our shape of a `config.json`.

    Raises:
        BadInput: it is of another family, has a part that ours lacks, or misses a number.
    """
    kind = theirs.get("model_type")
    if kind not in CONFIG:
        raise BadInput(f"models of type {kind!r} are not read here; {', '.join(CONFIG)} are")
    model = {name: value for name, value in theirs.items() if name not in IN_OLDER_CONFIGS}
    CONFIG[kind].check(model, "this model")
    try:
        return config_from_gpt2(theirs) if kind == "gpt2" else config_from_llama(theirs)
    except BadInput:
        raise
    except KeyError as error:
        raise BadInput(f"the config of this {kind} model is damaged: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise BadInput(f"the config of this {kind} model is damaged: {error}") from error


def config_from_gpt2(theirs: dict[str, Any]) -> GPTConfig:
    """GPT-2's names of the sizes."""
    dropout = theirs.get("resid_pdrop", 0.1)
    # every GPT-2 file has a dropout for attention weights; ours never drops those (`gpt.model.gpt`)
    for name, accepted in {"embd_pdrop": (dropout,), "attn_pdrop": (dropout, 0.0)}.items():
        if theirs.get(name, 0.1) not in accepted:
            raise BadInput(
                f"this model has {name} {theirs.get(name, 0.1)!r} and resid_pdrop {dropout!r}; "
                "both must be the same"
            )
    return GPTConfig(
        vocab_size=theirs["vocab_size"],
        context=theirs["n_positions"],
        n_layers=theirs["n_layer"],
        n_heads=theirs["n_head"],
        d_model=theirs["n_embd"],
        d_ff=theirs.get("n_inner") or 4 * theirs["n_embd"],
        positions="learned",
        attention_bias=True,
        dropout=dropout,
        norm_eps=theirs.get("layer_norm_epsilon", 1e-5),
        feed_forward=activation_kind(theirs.get("activation_function", "gelu_new")),
        tied_head=theirs.get("tie_word_embeddings", True),
    )


def config_from_llama(theirs: dict[str, Any]) -> GPTConfig:
    """Llama's and Arcee's names of the sizes."""
    gated = theirs["model_type"] == "llama"
    rotation = rope_settings(theirs)
    kind = activation_kind(theirs.get("hidden_act", "silu" if gated else "relu2"))
    if gated and kind not in GATED_KINDS:
        raise BadInput(f"a gate of {theirs['hidden_act']!r} is not known here")
    return GPTConfig(
        vocab_size=theirs["vocab_size"],
        context=theirs["max_position_embeddings"],
        n_layers=theirs["num_hidden_layers"],
        n_heads=theirs["num_attention_heads"],
        d_model=theirs["hidden_size"],
        d_ff=theirs["intermediate_size"],
        positions="rotary",
        attention_bias=theirs.get("attention_bias", False),
        n_kv_heads=theirs.get("num_key_value_heads"),
        head_width=theirs.get("head_dim"),
        rotary_base=float(rotation.get("rope_theta") or theirs.get("rope_theta", 10_000.0)),
        norm_kind="rms",
        norm_eps=theirs.get("rms_norm_eps", 1e-6 if gated else 1e-5),
        feed_forward=GATED_KINDS[kind] if gated else kind,
        ff_bias=theirs.get("mlp_bias", False),
        tied_head=theirs.get("tie_word_embeddings", False),
    )


def rope_settings(theirs: dict[str, Any]) -> dict[str, Any]:
    """The settings of the rotary positions, under the name of transformers 5 or of older files.

    Raises:
        BadInput: the positions are stretched, or the two names contradict each other.
    """
    found = [theirs[name] for name in ("rope_parameters", "rope_scaling") if theirs.get(name)]
    for rotation in found:
        ROTATION.check(rotation, "this model")
    if len(found) == 2 and found[0] != found[1]:
        raise BadInput(
            f"this model has rope_parameters {found[0]!r} and rope_scaling {found[1]!r}; "
            "keep the one that is right"
        )
    return found[0] if found else {}


def activation_kind(name: str) -> FeedForwardKind:
    """Our name of an activation."""
    if name not in ACTIVATION_KINDS:
        raise BadInput(
            f"the activation {name!r} is not known here; {', '.join(ACTIVATION_KINDS)} are"
        )
    return ACTIVATION_KINDS[name]


def config_to_transformers(ours: GPTConfig) -> dict[str, Any]:
    """The `config.json` of a model of ours, with the class that reads it.

    Raises:
        BadInput: no family has this mix of parts.
    """
    family = transformers_family(ours)
    plain = {kind: name for name, kind in reversed(ACTIVATION_KINDS.items())}
    if family == "gpt2":
        return {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "vocab_size": ours.vocab_size,
            "n_positions": ours.context,
            "n_layer": ours.n_layers,
            "n_head": ours.n_heads,
            "n_embd": ours.d_model,
            "n_inner": ours.d_ff,
            "activation_function": plain[ours.feed_forward],
            "layer_norm_epsilon": ours.norm_eps,
            "resid_pdrop": ours.dropout,
            "embd_pdrop": ours.dropout,
            "attn_pdrop": 0.0,
            "tie_word_embeddings": ours.tied_head,
        }
    ungated = {gate: kind for kind, gate in GATED_KINDS.items()}
    return {
        "model_type": family,
        "architectures": [f"{family.capitalize()}ForCausalLM"],
        "vocab_size": ours.vocab_size,
        "max_position_embeddings": ours.context,
        "num_hidden_layers": ours.n_layers,
        "num_attention_heads": ours.n_heads,
        "num_key_value_heads": ours.kv_heads,
        "head_dim": ours.d_head,
        "hidden_size": ours.d_model,
        "intermediate_size": ours.d_ff,
        "hidden_act": plain[ungated.get(ours.feed_forward, ours.feed_forward)],
        "rms_norm_eps": ours.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": ours.rotary_base},
        "attention_bias": ours.attention_bias,
        "mlp_bias": ours.ff_bias,
        "tie_word_embeddings": ours.tied_head,
    }


def transformers_family(ours: GPTConfig) -> str:
    """Who in transformers has these parts."""
    gated = ours.feed_forward in GATED_KINDS.values()
    plain_heads = ours.kv_heads == ours.n_heads and ours.d_head * ours.n_heads == ours.d_model
    parts = (ours.positions, ours.norm_kind, ours.norm, ours.embedding_scale, ours.head_bias)
    if parts == ("learned", "layer", "pre", False, False) and plain_heads and not gated:
        return "gpt2"
    if parts == ("rotary", "rms", "pre", False, False):
        return "llama" if gated else "arcee"
    raise BadInput(
        "transformers has no class for this mix of parts; it has one for learned positions with "
        "LayerNorm (GPT-2) and one for rotary positions with RMSNorm (Llama, Arcee), "
        f"and this model has {ours}"
    )
