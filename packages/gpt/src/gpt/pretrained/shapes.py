"""Converting between our config and the configs of transformers: GPT-2, Llama and Arcee.

GPT-2 has learned positions and LayerNorm; Llama has rotary positions, RMSNorm and a gate in its
feed-forward layer; Arcee is Llama without the gate. A setting of `config.json` that `GPTConfig`
cannot express is refused by name, never ignored (`settings`).
"""

from gpt.errors import BadInput
from gpt.files import JsonObject
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


def config_from_transformers(config: JsonObject) -> GPTConfig:
    """Convert a `config.json` to our config.

    Raises:
        BadInput: the family or a setting is not supported, or a size is missing.
    """
    kind = config.get("model_type")
    if kind not in CONFIG:
        raise BadInput(f"models of type {kind!r} are not supported; {', '.join(CONFIG)} are")
    model = {name: value for name, value in config.items() if name not in IN_OLDER_CONFIGS}
    CONFIG[kind].check(model, "this model")
    try:
        return config_from_gpt2(config) if kind == "gpt2" else config_from_llama(config)
    except BadInput:
        raise
    except KeyError as error:
        raise BadInput(f"the config of this {kind} model is damaged: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise BadInput(f"the config of this {kind} model is damaged: {error}") from error


def config_from_gpt2(config: JsonObject) -> GPTConfig:
    """Convert a config of GPT-2.

    Raises:
        BadInput: embeddings and layers have different dropout, or the activation is unknown.
    """
    dropout = config.get("resid_pdrop", 0.1)
    # every GPT-2 file has a dropout for attention weights, which our model does not have
    for name, accepted in {"embd_pdrop": (dropout,), "attn_pdrop": (dropout, 0.0)}.items():
        if config.get(name, 0.1) not in accepted:
            raise BadInput(
                f"this model has {name} {config.get(name, 0.1)!r} and resid_pdrop {dropout!r}; "
                "both must be the same"
            )
    return GPTConfig(
        vocab_size=config["vocab_size"],
        context=config["n_positions"],
        n_layers=config["n_layer"],
        n_heads=config["n_head"],
        d_model=config["n_embd"],
        d_ff=config.get("n_inner") or 4 * config["n_embd"],
        positions="learned",
        attention_bias=True,
        dropout=dropout,
        norm_eps=config.get("layer_norm_epsilon", 1e-5),
        feed_forward=activation_kind(config.get("activation_function", "gelu_new")),
        tied_head=config.get("tie_word_embeddings", True),
    )


def config_from_llama(config: JsonObject) -> GPTConfig:
    """Convert a config of Llama or Arcee.

    Raises:
        BadInput: the rotary positions are scaled, or the activation is unknown.
    """
    gated = config["model_type"] == "llama"
    rope = rope_settings(config)
    kind = activation_kind(config.get("hidden_act", "silu" if gated else "relu2"))
    if gated and kind not in GATED_KINDS:
        accepted = [name for name, kind in ACTIVATION_KINDS.items() if kind in GATED_KINDS]
        raise BadInput(
            f"a gate of {config['hidden_act']!r} is not supported; {', '.join(accepted)} are"
        )
    return GPTConfig(
        vocab_size=config["vocab_size"],
        context=config["max_position_embeddings"],
        n_layers=config["num_hidden_layers"],
        n_heads=config["num_attention_heads"],
        d_model=config["hidden_size"],
        d_ff=config["intermediate_size"],
        positions="rotary",
        attention_bias=config.get("attention_bias", False),
        n_kv_heads=config.get("num_key_value_heads"),
        head_width=config.get("head_dim"),
        rotary_base=float(rope.get("rope_theta") or config.get("rope_theta", 10_000.0)),
        norm_kind="rms",
        norm_eps=config.get("rms_norm_eps", 1e-6 if gated else 1e-5),
        feed_forward=GATED_KINDS[kind] if gated else kind,
        ff_bias=config.get("mlp_bias", False),
        tied_head=config.get("tie_word_embeddings", False),
    )


def rope_settings(config: JsonObject) -> JsonObject:
    """Return the settings of the rotary positions, by their name in transformers 5 or before.

    Raises:
        BadInput: the positions are scaled, or the two names contradict each other.
    """
    found = [config[name] for name in ("rope_parameters", "rope_scaling") if config.get(name)]
    for rope in found:
        ROTATION.check(rope, "this model")
    if len(found) == 2 and found[0] != found[1]:
        raise BadInput(
            f"this model has rope_parameters {found[0]!r} and rope_scaling {found[1]!r}; "
            "remove the one that is wrong"
        )
    return found[0] if found else {}


def activation_kind(name: str) -> FeedForwardKind:
    """Return our name of an activation, or refuse an unknown one."""
    if name not in ACTIVATION_KINDS:
        raise BadInput(
            f"the activation {name!r} is not supported; {', '.join(ACTIVATION_KINDS)} are"
        )
    return ACTIVATION_KINDS[name]


def config_to_transformers(config: GPTConfig) -> JsonObject:
    """Return the `config.json` of our model, with the class that reads it.

    Raises:
        BadInput: transformers has no class for this architecture.
    """
    family = transformers_family(config)
    plain = {kind: name for name, kind in reversed(ACTIVATION_KINDS.items())}
    if family == "gpt2":
        return {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "vocab_size": config.vocab_size,
            "n_positions": config.context,
            "n_layer": config.n_layers,
            "n_head": config.n_heads,
            "n_embd": config.d_model,
            "n_inner": config.d_ff,
            "activation_function": plain[config.feed_forward],
            "layer_norm_epsilon": config.norm_eps,
            "resid_pdrop": config.dropout,
            "embd_pdrop": config.dropout,
            "attn_pdrop": 0.0,
            "tie_word_embeddings": config.tied_head,
        }
    ungated = {gate: kind for kind, gate in GATED_KINDS.items()}
    return {
        "model_type": family,
        "architectures": [f"{family.capitalize()}ForCausalLM"],
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.d_head,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "hidden_act": plain[ungated.get(config.feed_forward, config.feed_forward)],
        "rms_norm_eps": config.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rotary_base},
        "attention_bias": config.attention_bias,
        "mlp_bias": config.ff_bias,
        "tie_word_embeddings": config.tied_head,
    }


def transformers_family(config: GPTConfig) -> str:
    """Return the model type in transformers with this architecture.

    Raises:
        BadInput: transformers has no class for it.
    """
    gated = config.feed_forward in GATED_KINDS.values()
    plain_heads = (
        config.kv_heads == config.n_heads and config.d_head * config.n_heads == config.d_model
    )
    parts = (
        config.positions,
        config.norm_kind,
        config.norm,
        config.embedding_scale,
        config.head_bias,
    )
    if parts == ("learned", "layer", "pre", False, False) and plain_heads and not gated:
        return "gpt2"
    if parts == ("rotary", "rms", "pre", False, False):
        return "llama" if gated else "arcee"
    raise BadInput(
        "transformers has no class for this architecture; it has one for learned positions with "
        "LayerNorm (GPT-2) and one for rotary positions with RMSNorm (Llama, Arcee), "
        f"and this model has {config}"
    )
