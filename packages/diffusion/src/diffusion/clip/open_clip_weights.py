"""Converting a CLIP from and to the layout of open_clip (Ilharco et al. 2021).

Names differ, and two layouts: open_clip cuts patches by a convolution, whose weights have the order
channel, row, column, where our patches are rows of numbers in the order row, column, channel.
Gradients have the layout of their weights, so the same functions convert them.
"""

from collections.abc import Iterator

from einops import rearrange
from torch import Tensor

from diffusion.clip.config import CLIPConfig
from gpt.errors import BadInput

PATCHES = "image_tower.patches.weight"
NAMES = {
    "log_scale": "logit_scale",
    "image_tower.class_token": "visual.class_embedding",
    "image_tower.positions": "visual.positional_embedding",
    PATCHES: "visual.conv1.weight",
    "image_tower.projection": "visual.proj",
    "caption_tower.words.weight": "token_embedding.weight",
    "caption_tower.positions": "positional_embedding",
    "caption_tower.projection": "text_projection",
}
NORMS = {
    "image_tower.first_norm": "visual.ln_pre",
    "image_tower.last_norm": "visual.ln_post",
    "caption_tower.norm": "ln_final",
}
BLOCK_NORMS = {"attention_norm": "ln_1", "mlp_norm": "ln_2"}
BLOCK_LAYERS = {
    "attention.qkv.": "attn.in_proj_",
    "attention.output.": "attn.out_proj.",
    "mlp.widen.": "mlp.c_fc.",
    "mlp.narrow.": "mlp.c_proj.",
}


def parameter_names(config: CLIPConfig) -> Iterator[tuple[str, str]]:
    """Yield the name of every parameter in our model and in open_clip's."""
    yield from NAMES.items()
    norms = dict(NORMS)
    for ours, theirs, tower in (
        ("image_tower", "visual.transformer", config.image_tower),
        ("caption_tower", "transformer", config.caption_tower),
    ):
        for layer in range(tower.n_layers):
            block, their_block = f"{ours}.blocks.{layer}.", f"{theirs}.resblocks.{layer}."
            norms |= {block + a: their_block + b for a, b in BLOCK_NORMS.items()}
            for a, b in BLOCK_LAYERS.items():
                for kind in ("weight", "bias"):
                    yield block + a + kind, their_block + b + kind
    for a, b in norms.items():
        yield f"{a}.gain", f"{b}.weight"
        yield f"{a}.bias", f"{b}.bias"


def from_open_clip(state_dict: dict[str, Tensor], config: CLIPConfig) -> dict[str, Tensor]:
    """Convert weights (or gradients) of open_clip by name to our names and layouts.

    Raises:
        BadInput: a tensor is missing or unknown.
    """
    # saved by older versions: the causal mask, which is not a weight
    stored = {name: tensor for name, tensor in state_dict.items() if name != "attn_mask"}
    names = dict(parameter_names(config))
    for name in sorted(stored.keys() ^ set(names.values())):
        state = "has an unknown" if name in stored else "misses"
        raise BadInput(f"the CLIP model {state} tensor {name!r}")
    ours = {a: stored[b] for a, b in names.items()}
    ours[PATCHES] = rearrange(ours[PATCHES], "D C p q -> D (p q C)")
    return ours


def to_open_clip(weights: dict[str, Tensor], config: CLIPConfig) -> dict[str, Tensor]:
    """Convert our weights (or gradients) by name to the names and layouts of open_clip."""
    size = config.patch_size
    cut = rearrange(weights[PATCHES], "D (p q C) -> D C p q", p=size, q=size)
    weights = weights | {PATCHES: cut}
    return {b: weights[a].contiguous() for a, b in parameter_names(config)}
