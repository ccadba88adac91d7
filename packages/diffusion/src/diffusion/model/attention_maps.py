"""Attention maps: how much each patch attends to each word, in every block of a DiT.

Torch's attention kernel does not return its weights, so they are computed once more from the
queries and keys of each layer. Maps of a word's weight over the image were made popular by Hertz
et al. 2022, "Prompt-to-Prompt Image Editing with Cross Attention Control".
"""

import math

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.model.cross_attention import CrossAttention
from diffusion.model.dit import DiT
from diffusion.model.flow_model import FlowModel
from gpt.errors import BadInput
from gpt.model.attention import attention_weights


@torch.no_grad()
def cross_attention_weights(
    model: FlowModel,
    x_t: Float[Tensor, "B C height width"],
    t: Float[Tensor, " B"],
    ids: Int[Tensor, "B T"],
) -> Float[Tensor, "n_layers B H N T"]:
    """Return the attention weight of each word for each patch, by block and head.

    The weights of a patch sum to 1 over the words; padding has 0.

    Raises:
        BadInput: the network has no cross-attention.
    """
    network = model.network
    if not isinstance(network, DiT) or not network.config.cross_attention:
        raise BadInput(
            "attention maps need a DiT with cross-attention, which `diffusion train "
            f"--condition text` builds; this network is a {type(network).__name__} without it"
        )
    weights: list[Tensor] = []

    def record_weights(layer: CrossAttention, inputs: tuple[Tensor, ...]) -> None:
        patches, words, mask = inputs
        q, k, _ = layer.project(patches, words)
        weights.append(attention_weights(q, k, mask))  # B H N T

    layers = [each for each in network.modules() if isinstance(each, CrossAttention)]
    hooks = [layer.register_forward_pre_hook(record_weights) for layer in layers]
    try:
        model(x_t, t, ids)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(weights)


def word_maps(
    model: FlowModel,
    x_t: Float[Tensor, "B C height width"],
    t: Float[Tensor, " B"],
    ids: Int[Tensor, "B T"],
) -> Float[Tensor, "B T rows columns"]:
    """Return a map per word over the patches of the image: the mean over blocks and heads.

    Raises:
        BadInput: the network has no cross-attention.
    """
    weights = cross_attention_weights(model, x_t, t, ids)
    pattern = "n_layers B H (rows columns) T -> B T rows columns"
    return reduce(weights, pattern, "mean", rows=math.isqrt(weights.shape[3]))
