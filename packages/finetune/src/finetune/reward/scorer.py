"""A GPT that returns a number instead of logits: the reward model, and the critic of PPO.

One linear row maps the residual stream to a number and replaces the output head (Ziegler et al.
2019, section 2; Stiennon et al. 2020, section 3.4). It starts at zero, so at first all answers are
equally good, and the loss of a pair is exactly ln 2.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from finetune.reward.packed import hidden_at
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import share_layers_as


class Scorer(GPT):
    """A GPT whose forward pass returns one score per text, read at its last real token.

    It shares the blocks of a GPT and not its signature: texts come with their lengths.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.replace_head()

    def replace_head(self) -> None:
        """Replace the output head by a linear row that scores texts, initialised to zero."""
        self.head = self.head_bias = None  # logits are never computed
        table = self.embedding.weight
        self.score = nn.Linear(
            table.shape[1], 1, bias=False, device=table.device, dtype=table.dtype
        )
        nn.init.zeros_(self.score.weight)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, " B"]:
        """Return the score at the last real token, which attends to the whole text.

        Raises:
            BadInput: a length is below 1 or above the width.
        """
        last = torch.arange(tokens.shape[1], device=tokens.device) == lengths[:, None] - 1
        if not last.any(dim=1).all():
            raise BadInput(f"lengths must lie in 1 to {tokens.shape[1]}, got {lengths.tolist()}")
        return self.score(hidden_at(self, tokens, last))[:, 0]

    def values(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """Return the score of every prefix of the text, as PPO's critic needs them."""
        return self.score(self.hidden(tokens))[..., 0]


def as_scorer(model: GPT) -> Scorer:
    """Return a scorer that shares the layers of a model; its first scores are zero."""
    scorer = share_layers_as(Scorer, model)
    scorer.replace_head()
    return scorer
