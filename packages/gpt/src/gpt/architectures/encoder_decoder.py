"""The original transformer: an encoder reads the source, a decoder writes the target.

Vaswani et al. 2017, section 3. The encoder reads in both directions, as BERT does. The decoder is a
GPT with cross-attention to the encoder's output. T5 (Raffel et al. 2020) has this shape, too.

One table serves as source embedding, target embedding and head (section 3.4). The defaults are
pre-norm with learned positions; `norm="post"`, `positions="sinusoidal"`, `feed_forward="relu"` and
`embedding_scale=True` give the original.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.architectures.cross_attention import SourceKeys
from gpt.architectures.decoder_blocks import PostNormDecoderBlock, PreNormDecoderBlock
from gpt.architectures.encoder import (
    EncoderConfig,
    initialise_matrices,
    make_encoder_block,
    make_positions,
)
from gpt.errors import BadInput
from gpt.model.cache import KVCache
from gpt.model.dropout import Dropout
from gpt.model.embedding import TokenEmbedding
from gpt.model.fast.choose import use_fast_layers
from gpt.model.fast.head_loss import fast_linear_cross_entropy
from gpt.model.norms import NORMS
from gpt.model.positions import PositionIndex


@dataclass(frozen=True)
class EncoderDecoderConfig(EncoderConfig):
    """The shape of an encoder-decoder: each half has `n_layers` blocks."""

    norm: Literal["pre", "post"] = "pre"
    """Normalise before each layer, as T5 does, or after ("post", the original and Marian)."""
    norm_eps: float = 1e-5
    """Added inside the square root of a norm to avoid dividing by zero."""


class EncodedSource(NamedTuple):
    """Keys and values of the source for every layer of the decoder, and their mask."""

    layers: list[SourceKeys]
    mask: Bool[Tensor, "B 1 1 S"]

    def select_rows(self, rows: Int[Tensor, " R"]) -> "EncodedSource":
        """Return these rows, in this order; a row whose number occurs twice is copied."""
        layers = [SourceKeys(*(each[rows] for each in layer)) for layer in self.layers]
        return EncodedSource(layers, self.mask[rows])


class EncoderDecoder(nn.Module):
    """Source and target tokens in, a score for every possible next target token out."""

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config = config
        scale = math.sqrt(config.d_model) if config.embedding_scale else 1.0
        self.embedding = TokenEmbedding(config.vocab_size, config.d_model, scale)
        self.positions, self.dropout = make_positions(config), Dropout(config.dropout)
        decoder_block = PreNormDecoderBlock if config.norm == "pre" else PostNormDecoderBlock
        layers = range(config.n_layers)
        self.encoder_blocks = nn.ModuleList(make_encoder_block(config) for _ in layers)
        self.decoder_blocks = nn.ModuleList(decoder_block(config) for _ in layers)
        self.encoder_norm, self.decoder_norm = (
            NORMS[config.norm_kind](config.d_model, config.norm_eps)
            if config.norm == "pre"
            else nn.Identity()  # a post-norm block has already normalised its output
            for _ in range(2)
        )
        self.head_bias = nn.Parameter(torch.zeros(config.vocab_size)) if config.head_bias else None
        initialise_matrices(self)
        use_fast_layers(self)  # same values and gradients; the model works without this line
        self.linear_cross_entropy = fast_linear_cross_entropy  # equal to `model.loss`

    def forward(
        self,
        source: Int[Tensor, "B S"],
        source_kept: Bool[Tensor, "B S"],
        inputs: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"] | None = None,
        target_kept: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T V"] | Float[Tensor, ""]:
        """Return the logits: `logits[:, t]` scores the target token after `inputs[:, t]`.

        With targets, return their summed cross-entropy over the positions that `target_kept` keeps.
        """
        x = self.decode(inputs, self.encode(source, source_kept))
        if targets is None or target_kept is None:
            return self.logits(x)
        head = self.embedding.weight, self.head_bias
        return self.linear_cross_entropy(x[target_kept][None], *head, targets[target_kept][None])

    def encode(self, source: Int[Tensor, "B S"], source_kept: Bool[Tensor, "B S"]) -> EncodedSource:
        """Read the source, and project its keys and values for every layer of the decoder.

        Raises:
            BadInput: the source is longer than the context, or a row of it is only padding.
        """
        if source.shape[1] > self.config.context:
            raise BadInput(
                f"the source has {source.shape[1]} tokens, "
                f"but the model reads at most {self.config.context}"
            )
        if not bool(source_kept.any(dim=1).all()):
            row = int(source_kept.any(dim=1).int().argmin())
            raise BadInput(f"the source of row {row} is empty: all of it is padding")
        mask, x = source_kept[:, None, None], self.embed(source, slice(0, source.shape[1]))
        for block in self.encoder_blocks:
            x = block(x, mask=mask)
        x = self.encoder_norm(x)
        blocks: Any = self.decoder_blocks
        layers = [block.cross_attention.project(x) for block in blocks]
        return EncodedSource(layers, mask)

    def decode(
        self, inputs: Int[Tensor, "B T"], source: EncodedSource, cache: KVCache | None = None
    ) -> Float[Tensor, "B T D"]:
        """Return the hidden states of the target; padding follows the text, so no token sees it."""
        n_tokens, caches = inputs.shape[1], [None] * len(self.decoder_blocks)
        index: PositionIndex = slice(0, n_tokens)
        if cache is not None:
            index, caches = cache.index(n_tokens), cache.layers
        x = self.embed(inputs, index)
        for block, keys, layer_cache in zip(
            self.decoder_blocks, source.layers, caches, strict=True
        ):
            x = block(x, keys, source.mask, layer_cache)
        return self.decoder_norm(x)

    def embed(self, tokens: Int[Tensor, "B T"], index: PositionIndex) -> Float[Tensor, "B T D"]:
        """Embed tokens at these positions."""
        return self.dropout(self.positions(self.embedding(tokens), index))

    def logits(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Score every token: the dot product of x with its embedding."""
        return F.linear(x, self.embedding.weight, self.head_bias)
