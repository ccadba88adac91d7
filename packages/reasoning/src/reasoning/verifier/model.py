"""A verifier: a GPT that returns the chance that an attempt wins, after each of its tokens.

One linear row with a bias replaces the output head, and the sigmoid makes its number a chance
(Cobbe et al. 2021, "Training verifiers to solve math word problems", section 4.2). The row starts
at zero, so at first every chance is 1/2. The blocks start from a model that generates attempts.

A process reward model (Lightman et al. 2023) and an outcome reward model are both this class; they
differ in the positions and labels that they learn from (`data`).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import share_layers_as


class Verifier(GPT):
    """A GPT whose forward pass returns the log-odds that the attempt wins, after each token."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.replace_head()

    def replace_head(self) -> None:
        """Replace the output head by a linear row of zeros."""
        self.head = self.head_bias = None  # logits of tokens are never computed
        table = self.embedding.weight
        self.score = nn.Linear(table.shape[1], 1, device=table.device, dtype=table.dtype)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Int[Tensor, "B T"]
    ) -> Float[Tensor, "B T"]:
        """Return log(p / (1 - p)), where p is the chance after `tokens[:, : t + 1]`."""
        return self.score(self.hidden(tokens))[..., 0]

    @torch.inference_mode()
    def chances(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """Return the chance that the attempt wins, after each token."""
        return self(tokens).sigmoid()


def as_verifier(model: GPT) -> Verifier:
    """Return a verifier that shares the layers of a model; its first chances are all 1/2."""
    verifier = share_layers_as(Verifier, model)
    verifier.replace_head()
    return verifier
