"""A GPT that is asked how likely a given text is, which is all that fine-tuning asks.

Only the positions that count reach the head, the largest product of a small model: a prompt costs
its way through the blocks and no more.
"""

from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.model.gpt import GPT
from gpt.model.loss import token_nats


class Policy(GPT):
    """A GPT whose forward pass gives log pi(token | the tokens before it)."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T-1"]:
        """`logprobs[:, t]` scores `tokens[:, t + 1]`; 0 where the mask leaves that token out."""
        kept = mask[:, 1:]
        x = self.hidden(tokens[:, :-1])
        nats = token_nats(x[kept], self.head_weight, self.head_bias, tokens[:, 1:][kept])
        return nats.new_zeros(kept.shape).masked_scatter(kept, -nats)


Kind = TypeVar("Kind", bound=GPT)


def as_kind(kind: type[Kind], model: GPT) -> Kind:
    """The same weights, not copied, in a model of another class; what it adds is as it begins.

    A model with adapters keeps them: they are layers, and the layers are shared.
    """
    with torch.device("meta"):
        twin = kind(model.config)
    for name, child in model.named_children():
        setattr(twin, name, child)
    for name, parameter in model.named_parameters(recurse=False):
        if getattr(twin, name) is not None:  # a kind without a head takes none
            setattr(twin, name, parameter)
    return twin.to(model.embedding.weight).train(model.training)  # its format and device
