"""A GPT that returns the log-probabilities of a given text, as all of fine-tuning needs them.

Only the positions that are scored reach the output head, the largest product of a small model, so a
prompt costs only its pass through the blocks.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.fast.head_loss import linear_cross_entropy_per_token
from gpt.model.gpt import GPT


class Policy(GPT):
    """A GPT whose forward pass returns log pi(token | tokens before it)."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T-1"]:
        """`logprobs[:, t]` scores `tokens[:, t + 1]`; 0 where the mask excludes that token."""
        scored = mask[:, 1:]
        x = self.hidden(tokens[:, :-1])
        nats = linear_cross_entropy_per_token(
            x[scored], self.head_weight, self.head_bias, tokens[:, 1:][scored]
        )
        return nats.new_zeros(scored.shape).masked_scatter(scored, -nats)


GPTClass = TypeVar("GPTClass", bound=GPT)


def share_layers_as(kind: type[GPTClass], model: GPT) -> GPTClass:
    """Return a model of another class that shares the layers and weights of `model`.

    The classes differ only in what their forward pass returns. Changes to a shared layer, such as
    an added adapter, are visible in both models.

    Raises:
        BadInput: the class of `model` changes what the blocks read, and the other class would not.
    """
    if type(model).hidden not in (GPT.hidden, kind.hidden):
        raise BadInput(f"a {type(model).__name__} model as a {kind.__name__} would lose its prompt")
    shared = kind.__new__(kind)
    own_dicts = ("_modules", "_parameters", "_buffers")  # a new head is added to one model only
    shared.__dict__ = vars(model) | {name: dict(vars(model)[name]) for name in own_dicts}
    return shared


def copy_sharing_frozen(model: GPTClass) -> GPTClass:
    """Copy a model but share its frozen weights: with adapters, copies hold one base together."""
    frozen = [each for each in model.parameters() if not each.requires_grad]
    return copy.deepcopy(model, {id(each): each for each in [*frozen, *model.buffers()]})


def make_reference(policy: Policy) -> Policy:
    """Return the reference model: a frozen copy of the policy, in eval mode."""
    return copy_sharing_frozen(policy).eval().requires_grad_(False)


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode, with gradients; afterwards every layer is in its earlier mode.

    Log-probabilities are compared between models, or before and after updates. Dropout would add
    noise to that comparison. Blocks that are recomputed in the backward pass must keep the mode of
    their first pass.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
