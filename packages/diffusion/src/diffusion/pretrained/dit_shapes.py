"""The shape of a DiT as the config of diffusers' `DiTTransformer2DModel`, and back."""

from typing import Any

from diffusion.model.dit import DiTConfig
from gpt.errors import BadInput
from gpt.files import JsonObject

DIT_CLASS = "DiTTransformer2DModel"
FEED_FORWARD_FACTOR = 4
"""d_ff / d_model of every model of that class."""
SIZES = {
    "in_channels": "n_channels",
    "sample_size": "size",
    "patch_size": "patch_size",
    "num_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "norm_eps": "mlp_norm_eps",
}
"""Fields of the config with the same meaning as one of ours."""
FIXED = {
    "dropout": 0.0,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "upcast_attention": False,
    "norm_type": "ada_norm_zero",
    "norm_elementwise_affine": False,
}
"""Fields with the only value that our model knows, which is also the default."""
DEFAULTS: dict[str, Any] = {
    "in_channels": 4,
    "sample_size": 32,
    "patch_size": 2,
    "num_layers": 28,
    "num_attention_heads": 16,
    "attention_head_dim": 72,
    "num_embeds_ada_norm": 1000,
    "norm_eps": 1e-5,
}
"""Values of fields that a config leaves out."""


def dit_config_to_diffusers(config: DiTConfig, n_labels: int) -> JsonObject:
    """Return the config of a `DiTTransformer2DModel` that computes the same function.

    Raises:
        BadInput: that class has no such model.
    """
    refused = {
        "cross-attention to a caption": config.cross_attention,
        "rotary positions": config.positions == "rotary",
        "normalised queries and keys": config.qk_norm,
        f"d_ff {config.d_ff}, which is not 4 x {config.d_model},": (
            config.d_ff != FEED_FORWARD_FACTOR * config.d_model
        ),
    }
    for what, is_refused in refused.items():
        if is_refused:
            raise BadInput(
                f"diffusers has no class for a DiT with {what}; a DiT to export needs sinusoidal "
                "positions, a label or no condition, and d_ff = 4 x d_model"
            )
    sizes = {theirs: getattr(config, ours) for theirs, ours in SIZES.items()}
    others = {
        "out_channels": config.n_channels,
        "attention_head_dim": config.d_model // config.n_heads,
        "num_embeds_ada_norm": n_labels,
    }
    return {"_class_name": DIT_CLASS} | sizes | others | FIXED


def dit_config_from_diffusers(config: JsonObject) -> DiTConfig:
    """Return our shape of a model with this config.

    Raises:
        BadInput: the config is of another class, or has a value that our model does not know.
    """
    if config.get("_class_name") != DIT_CLASS:
        raise BadInput(f"only {DIT_CLASS} can be read, got {config.get('_class_name')!r}")
    config = DEFAULTS | config
    expected = FIXED | {"out_channels": config["in_channels"]}
    for name, value in expected.items():
        if config.get(name, value) not in (value, None):
            raise BadInput(f"{name} must be {value!r}, got {config[name]!r}")
    for name in (*SIZES, "attention_head_dim"):
        if type(config[name]) is not int and (
            name != "norm_eps" or type(config[name]) is not float
        ):
            raise BadInput(f"{name} must be a number, got {config[name]!r}")
    sizes = {ours: config[theirs] for theirs, ours in SIZES.items()}
    d_model = sizes["n_heads"] * config["attention_head_dim"]
    return DiTConfig(**sizes, d_model=d_model, d_ff=FEED_FORWARD_FACTOR * d_model)
