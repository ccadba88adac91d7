"""The one place where the plain operations of the model are replaced by faster ones.

A faster operation computes the same values and gradients from the same weights; a test builds every
kind of model with and without `use_fast_operations` and compares. Each decides by itself, from its
input, when to fall back on torch's kernel: on a GPU, compiled, or under autocast.
"""

from typing import Any

from torch import nn

from gpt.model.fast.activations import fast_gelu, fast_squared_relu
from gpt.model.fast.head_loss import fast_linear_cross_entropy
from gpt.model.fast.linear import FastLinear, fast_linear
from gpt.model.fast.single_query import fast_attention, fast_layer_cache
from gpt.model.feed_forward import Activation, FeedForward, GatedFeedForward, gelu, squared_relu
from gpt.model.heads import MultiHeadAttention

FAST_ACTIVATIONS: dict[Activation, Activation] = {gelu: fast_gelu, squared_relu: fast_squared_relu}


def use_fast_operations(model: Any) -> None:
    """Replace the operations of a GPT by faster equivalents, in place; its weights stay."""
    model.linear, model.linear_cross_entropy = fast_linear, fast_linear_cross_entropy
    model.empty_layer_cache = fast_layer_cache
    use_fast_layers(model)
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            module.attend = fast_attention


def use_fast_layers(model: nn.Module) -> None:
    """Replace linear maps and activations of any model by faster equivalents, in place."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = FastLinear  # the same layer with another `forward`
        elif isinstance(module, FeedForward | GatedFeedForward):
            module.activation = FAST_ACTIVATIONS.get(module.activation, module.activation)
