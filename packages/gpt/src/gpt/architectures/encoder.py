"""BERT: a transformer that reads in both directions, trained to fill in masked tokens.

Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding". A block is that of GPT without the causal mask, so every token attends to those on
both sides of it. It cannot generate text token by token, because position t sees token t + 1; it is
trained on the tokens that `masking` hides.

Departure from BERT: no segment embeddings. A text of one segment adds the same row at every
position, which the position embeddings can hold as well.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.attention import full_attention
from gpt.model.blocks import Block
from gpt.model.config import FeedForwardKind, GPTConfig, PositionKind
from gpt.model.dropout import Dropout
from gpt.model.embedding import TokenEmbedding
from gpt.model.fast.choose import use_fast_layers
from gpt.model.fast.head_loss import fast_linear_cross_entropy
from gpt.model.gpt import make_block
from gpt.model.norms import NORMS
from gpt.model.positions import LearnedPositions, SinusoidalPositions


@dataclass(frozen=True)
class EncoderConfig(GPTConfig):
    """The shape of an encoder: fields as in `GPTConfig`, with the defaults of BERT.

    The head is always tied, and `Encoder` does not scale its embeddings: `tied_head` has no effect,
    and `embedding_scale` only in an encoder-decoder.
    """

    positions: PositionKind = "learned"
    """Position scheme: a learned table or sinusoids, which are added to the embeddings."""
    norm: Literal["pre", "post"] = "post"
    """Normalise after attention and feed-forward layer, as BERT does, or before ("pre")."""
    attention_bias: bool = True
    """Give the projections of attention biases."""
    norm_eps: float = 1e-12
    """Added inside the square root of a norm to avoid dividing by zero."""
    feed_forward: FeedForwardKind = "gelu-erf"
    """Activation of the feed-forward layer."""
    head_bias: bool = True
    """Give every token a bias at the head; a masked language model always has one."""

    def __post_init__(self) -> None:
        """Raise BadInput for shapes that cannot be built."""
        super().__post_init__()
        if self.positions not in ("learned", "sinusoidal"):
            raise BadInput(
                f"positions of an encoder must be learned or sinusoidal, got {self.positions!r}"
            )


def make_encoder_block(config: GPTConfig) -> Block:
    """Build a block of GPT whose positions attend to all positions instead of to their past."""
    block = make_block(config)
    attention: Any = block.attention
    attention.attend = full_attention
    return block


def make_positions(config: GPTConfig) -> LearnedPositions | SinusoidalPositions:
    """Build the position embeddings."""
    if config.positions == "learned":
        return LearnedPositions(config.context, config.d_model)
    return SinusoidalPositions(config.d_model)


def initialise_matrices(model: nn.Module) -> None:
    """Draw the matrices from N(0, 0.02), as in BERT; biases become 0, and gains stay 1."""
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.02)
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


class Encoder(nn.Module):
    """Token ids in, a vector for each token out that depends on all tokens of its row."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = TokenEmbedding(config.vocab_size, config.d_model)
        self.positions = make_positions(config)
        # BERT normalises the embeddings too, since its post-norm blocks do so only at their end
        self.embedding_norm = NORMS[config.norm_kind](config.d_model, config.norm_eps)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(make_encoder_block(config) for _ in range(config.n_layers))
        norm = NORMS[config.norm_kind](config.d_model, config.norm_eps)
        self.final_norm = norm if config.norm == "pre" else nn.Identity()
        initialise_matrices(self)
        use_fast_layers(self)  # same values and gradients; the model works without this line

    def forward(
        self, tokens: Int[Tensor, "B T"], kept: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Return the hidden states; `kept` is False on padding, to which no token attends."""
        x = self.positions(self.embedding(tokens), slice(0, tokens.shape[1]))
        x = self.dropout(self.embedding_norm(x))
        mask = None if kept is None else kept[:, None, None]  # B 1 1 T
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.final_norm(x)


class MaskedLanguageModel(nn.Module):
    """An encoder with the head that fills in masked tokens (section 3.1).

    logits = norm(gelu(x W + b)) E^T + c, where E is the table of token embeddings.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.transform = nn.Linear(config.d_model, config.d_model)
        self.transform_norm = NORMS[config.norm_kind](config.d_model, config.norm_eps)
        self.head_bias = nn.Parameter(torch.zeros(config.vocab_size))
        initialise_matrices(self)
        use_fast_layers(self)
        self.linear_cross_entropy = fast_linear_cross_entropy  # equal to `model.loss`

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        kept: Bool[Tensor, "B T"] | None = None,
        selected: Bool[Tensor, "B T"] | None = None,
        targets: Int[Tensor, " N"] | None = None,
    ) -> Float[Tensor, "B T V"] | Float[Tensor, ""]:
        """Return the logits of every position.

        With `selected` and `targets`, return the summed cross-entropy of the selected positions
        instead, in nats. The head then works on those positions only: 15 of 100.
        """
        x = self.encoder(tokens, kept)
        if selected is None or targets is None:
            return F.linear(self.before_head(x), self.encoder.embedding.weight, self.head_bias)
        x = self.before_head(x[selected])[None]  # 1 N D
        return self.linear_cross_entropy(
            x, self.encoder.embedding.weight, self.head_bias, targets[None]
        )

    def before_head(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """Transform the hidden states once more: norm(gelu(x W + b))."""
        return self.transform_norm(F.gelu(self.transform(x)))
