"""A GPT that is asked how likely a given text is, which is all that fine-tuning asks.

Only the positions that count reach the head, the largest product of a small model: a prompt costs
its way through the blocks and no more.
"""

from typing import TypeVar

from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.model.fast.head_loss import linear_cross_entropy_per_token
from gpt.model.gpt import GPT


class Policy(GPT):
    """A GPT whose forward pass gives log pi(token | the tokens before it)."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T-1"]:
        """`logprobs[:, t]` scores `tokens[:, t + 1]`; 0 where the mask leaves that token out."""
        kept = mask[:, 1:]
        x = self.hidden(tokens[:, :-1])
        nats = linear_cross_entropy_per_token(
            x[kept], self.head_weight, self.head_bias, tokens[:, 1:][kept]
        )
        return nats.new_zeros(kept.shape).masked_scatter(kept, -nats)


GPTClass = TypeVar("GPTClass", bound=GPT)


def share_layers_as(kind: type[GPTClass], model: GPT) -> GPTClass:
    """The same layers and weights, not copied, as a model of another class.

    What is done to the layers of one, such as adding adapters, is done to both.

    Raises:
        BadInput: the other class would not read what this one reads before the text.
    """
    if type(model).hidden not in (GPT.hidden, kind.hidden):
        raise BadInput(f"a {type(model).__name__} model as a {kind.__name__} would lose its prompt")
    twin = kind.__new__(kind)
    own = ("_modules", "_parameters", "_buffers")  # so that the twin may get parts of its own
    twin.__dict__ = vars(model) | {name: dict(vars(model)[name]) for name in own}
    return twin
