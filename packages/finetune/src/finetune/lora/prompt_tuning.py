r"""Prompt tuning: a frozen model, and a few learned vectors before its text.

Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning", section 2: P vectors
of width D stand before the embedded text, as if they were tokens, and they alone are trained: P D
numbers. They begin as rows of the table of tokens (section 2.1).
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from finetune.sft.policy import share_layers_as
from gpt.errors import BadInput
from gpt.model.cache import KVCache
from gpt.model.embedding import TokenEmbedding
from gpt.model.gpt import GPT


class PromptEmbedding(nn.Module):
    """A table of V tokens, with the vectors of the prompt as rows V, V + 1, ..."""

    def __init__(self, table: TokenEmbedding, prompt: Float[Tensor, "P D"]) -> None:
        super().__init__()
        self.weight, self.scale, self.prompt = table.weight, table.scale, nn.Parameter(prompt)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """The rows of the tokens."""
        last = len(self.weight) - 1
        rows = F.embedding(tokens.clamp(max=last), self.weight) * self.scale
        learned = F.embedding((tokens - last - 1).clamp(min=0), self.prompt)
        return torch.where((tokens > last)[..., None], learned, rows)


class PromptTunedGPT(GPT):
    """A GPT that reads its prompt before any text; made by `with_soft_prompt`."""

    embedding: PromptEmbedding  # pyright: ignore[reportIncompatibleVariableOverride]

    def hidden(
        self, tokens: Int[Tensor, "B T"], mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Float[Tensor, "B T D"]:
        """The stream at the tokens, after the last block; a cache keeps the prompt."""
        if mask is not None:
            raise BadInput("a model with a prompt sees all of the past; it takes no mask")
        if cache is not None and cache.length > 0:
            return super().hidden(tokens, None, cache)
        n, vocab_size = self.embedding.prompt.shape[0], self.embedding.weight.shape[0]
        place = torch.arange(n + tokens.shape[1], device=tokens.device).expand(len(tokens), -1)
        if cache is not None and cache.padding is not None:  # the prompt follows the padding
            place = place - cache.padding[:, None]
        of_prompt = (place >= 0) & (place < n)
        tokens = torch.where(of_prompt, vocab_size + place, F.pad(tokens, (n, 0)))
        return super().hidden(tokens, None, cache)[:, n:]

    def cache(
        self, batch_size: int, n_slots: int, padding: Int[Tensor, " B"] | None = None
    ) -> KVCache:
        """An empty cache with room for the prompt."""
        return super().cache(batch_size, n_slots + len(self.embedding.prompt), padding)


def with_soft_prompt(
    model: GPT, n_vectors: int, generator: torch.Generator | None = None
) -> PromptTunedGPT:
    """The model, frozen, behind a prompt that begins as rows drawn from its table of tokens.

    Raises:
        BadInput: the prompt would leave no room for text.
    """
    if not 1 <= n_vectors < model.config.context:
        raise BadInput(
            f"a prompt of {n_vectors} vectors leaves no text in a context of {model.config.context}"
        )
    twin, table = share_layers_as(PromptTunedGPT, model.requires_grad_(False)), model.embedding
    drawn = torch.randint(len(table.weight), (n_vectors,), generator=generator)
    twin.embedding = PromptEmbedding(table, (table.weight[drawn] * table.scale).detach().clone())
    twin.config = replace(model.config, context=model.config.context - n_vectors)
    return twin
