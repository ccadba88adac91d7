"""From a source to a target, token by token, with a cache: the protocol, and greedy decoding.

The encoder runs once. Each step then feeds the last token of every row to the decoder, whose
self-attention keeps earlier keys and values in a cache, as in `generation`. The search is on the
CPU, whatever the model's device.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.architectures.encoder_decoder import EncoderDecoder
from gpt.errors import BadInput
from gpt.model.cache import KVCache, empty_layer_cache


@runtime_checkable
class NextTokenModel(Protocol):
    """A model that reads one token per row at a time and remembers the earlier ones."""

    def next_logprobs(self, tokens: Int[Tensor, " R"]) -> Float[Tensor, "R V"]:
        """Read the next token of each row, and return the log-probabilities of the one after it."""
        ...

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order; a row whose number occurs twice is copied."""
        ...


class SourceDecoder:
    """An encoder-decoder that has read a batch of sources: a `NextTokenModel`.

    A model with dropout must be in evaluation mode.

    Raises:
        BadInput: a source is empty or too long, or `max_new_tokens` is below 1 or too large.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        source: Int[Tensor, "B S"],
        source_kept: Bool[Tensor, "B S"],
        max_new_tokens: int,
    ) -> None:
        config = model.config
        if not 0 < max_new_tokens <= config.context:
            raise BadInput(
                f"max_new_tokens must lie between 1 and the context of {config.context}, "
                f"got {max_new_tokens}"
            )
        self.model, self.device = model, model.embedding.weight.device
        with torch.no_grad():
            self.source = model.encode(source.to(self.device), source_kept.to(self.device))
        shape = (len(source), config.kv_heads, max_new_tokens, config.d_head)
        layers = [
            empty_layer_cache(*shape, like=model.embedding.weight) for _ in range(config.n_layers)
        ]
        self.cache = KVCache(layers, max_new_tokens)

    @torch.no_grad()
    def next_logprobs(self, tokens: Int[Tensor, " R"]) -> Float[Tensor, "R V"]:
        """Read the next token of each row, and return the log-probabilities of the one after it.

        Raises:
            BadInput: there are more or fewer tokens than rows.
        """
        n_rows = len(self.source.mask)
        if len(tokens) != n_rows:
            raise BadInput(f"{n_rows} rows need a token each, got {len(tokens)}")
        x = self.model.decode(tokens[:, None].to(self.device), self.source, self.cache)
        return self.model.logits(x[:, 0]).log_softmax(dim=-1).cpu()

    def select_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Keep these rows, in this order; a row whose number occurs twice is copied."""
        rows = rows.to(self.device)
        self.source = self.source.select_rows(rows)
        self.cache.select_rows(rows)


def greedy_decode(
    model: NextTokenModel, n_rows: int, begin_token: int, end_token: int, max_new_tokens: int
) -> list[list[int]]:
    """Append the most likely token to each row until all have ended; the end token is left out.

    Raises:
        BadInput: there are no tokens to append.
    """
    if max_new_tokens < 1:
        raise BadInput(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    tokens, written = torch.full((n_rows,), begin_token), []
    has_ended = torch.zeros(n_rows, dtype=torch.bool)
    for _ in range(max_new_tokens):
        tokens = model.next_logprobs(tokens).argmax(dim=-1)
        written.append(tokens)
        has_ended |= tokens == end_token
        if has_ended.all():
            break
    rows = torch.stack(written, dim=1).tolist()
    return [row[: row.index(end_token)] if end_token in row else row for row in rows]
