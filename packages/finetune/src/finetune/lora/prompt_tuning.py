r"""Prompt tuning: a few trained vectors in front of the text of a frozen model.

Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning", section 2: P vectors
of width D are put in front of the embedded text, as if they were tokens, and nothing else is
trained: P D numbers. They are initialised with rows of the token embedding (section 2.1).
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.cache import KVCache
from gpt.model.embedding import TokenEmbedding
from gpt.model.gpt import GPT
from gpt.policy.policy import share_layers_as


class PromptEmbedding(nn.Module):
    """A token embedding of V rows, followed by the vectors of the prompt as rows V, V + 1, ..."""

    def __init__(self, table: TokenEmbedding, prompt: Float[Tensor, "P D"]) -> None:
        super().__init__()
        self.weight, self.scale, self.prompt = table.weight, table.scale, nn.Parameter(prompt)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Return the embedding of each token; ids from V on select vectors of the prompt."""
        last = len(self.weight) - 1
        rows = F.embedding(tokens.clamp(max=last), self.weight) * self.scale
        learned = F.embedding((tokens - last - 1).clamp(min=0), self.prompt)
        return torch.where((tokens > last)[..., None], learned, rows)


class PromptTunedGPT(GPT):
    """A GPT that reads its soft prompt before any text; created by `with_soft_prompt`."""

    embedding: PromptEmbedding  # pyright: ignore[reportIncompatibleVariableOverride]

    def hidden(
        self, tokens: Int[Tensor, "B T"], mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Float[Tensor, "B T D"]:
        """Return the residual stream after the last block; a cache also keeps the prompt."""
        if mask is not None:
            raise BadInput(
                "a model with a soft prompt takes no mask: every token attends to the whole past"
            )
        if cache is not None and cache.length > 0:
            return super().hidden(tokens, None, cache)
        n, vocab_size = self.embedding.prompt.shape[0], self.embedding.weight.shape[0]
        positions = torch.arange(n + tokens.shape[1], device=tokens.device).expand(len(tokens), -1)
        if cache is not None and cache.padding is not None:  # the prompt follows the padding
            positions = positions - cache.padding[:, None]
        in_prompt = (positions >= 0) & (positions < n)
        tokens = torch.where(in_prompt, vocab_size + positions, F.pad(tokens, (n, 0)))
        return super().hidden(tokens, None, cache)[:, n:]

    def cache(
        self, batch_size: int, n_slots: int, padding: Int[Tensor, " B"] | None = None
    ) -> KVCache:
        """Return an empty cache with extra slots for the prompt."""
        return super().cache(batch_size, n_slots + len(self.embedding.prompt), padding)


def with_soft_prompt(
    model: GPT, n_vectors: int, generator: torch.Generator | None = None
) -> PromptTunedGPT:
    """Freeze the model and return it with a soft prompt of randomly drawn rows of its embedding.

    Raises:
        BadInput: the prompt would fill the whole context.
    """
    if not 1 <= n_vectors < model.config.context:
        raise BadInput(
            f"a prompt of {n_vectors} vectors leaves no text in a context of {model.config.context}"
        )
    tuned, table = share_layers_as(PromptTunedGPT, model.requires_grad_(False)), model.embedding
    tokens = torch.randint(len(table.weight), (n_vectors,), generator=generator)
    tuned.embedding = PromptEmbedding(table, (table.weight[tokens] * table.scale).detach().clone())
    tuned.config = replace(model.config, context=model.config.context - n_vectors)
    return tuned
