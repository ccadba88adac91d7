r"""GPT: embed the tokens, pass them through a stack of blocks, read off the next token.

Radford et al. 2018 and 2019 (GPT, GPT-2). The head is the embedding table itself, and the weights
start at N(0, 0.02), those that write into the residual stream at 0.02 / sqrt(2 L) (GPT-2, section
2.3), so that the variance of the stream does not grow with depth. At the start every token is about
as likely as every other: the loss is near ln V.

Departure from GPT-2: no dropout on the attention weights, which the fused kernel does not show.
"""

import math
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.blocks import PostNormBlock, PreNormBlock
from gpt.model.heads import FusedHeads
from gpt.model.layers import Dropout, FeedForward, LayerNorm, TokenEmbedding
from gpt.model.positions import LearnedPositions, NoPositions, NoRotation, Rotary


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model."""

    vocab_size: int = 4096
    """Number of token ids."""
    context: int = 128
    """Longest sequence in training, and the window of generation."""
    n_layers: int = 4
    """Blocks in the stack."""
    n_heads: int = 4
    """Attentions side by side; each has width d_model / n_heads."""
    d_model: int = 128
    """Width of the stream that runs through all blocks."""
    d_ff: int = 512
    """Width inside the feed-forward layer; four times d_model by custom."""
    positions: Literal["learned", "rotary"] = "rotary"
    """A learned table added to the embeddings (GPT-2), or rotated queries and keys (Llama)."""
    norm: Literal["pre", "post"] = "pre"
    """Normalise before each half of a block (GPT-2), or after it (the original transformer)."""
    attention_bias: bool = False
    """Whether the four projections of attention have biases, as in GPT-2."""
    embedding_scale: bool = False
    """Multiply embeddings by sqrt(d_model), as in the original transformer."""
    dropout: float = 0.0
    """Share of numbers zeroed in training; 0 where the data is read only a few times."""

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built."""
        for name in ("vocab_size", "context", "n_layers", "n_heads", "d_model", "d_ff"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.d_model % self.n_heads:
            raise BadInput(f"d_model {self.d_model} does not divide into {self.n_heads} heads")
        if self.positions == "rotary" and self.d_head % 2:
            raise BadInput(
                f"rotary positions turn pairs; the head width {self.d_head} must be even"
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout must lie in [0, 1), got {self.dropout}")

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads


class GPT(nn.Module):
    """A decoder-only transformer: token ids in, a score for every possible next token out."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        learned = config.positions == "learned"
        scale = math.sqrt(config.d_model) if config.embedding_scale else 1.0
        self.embedding = TokenEmbedding(config.vocab_size, config.d_model, scale)
        self.positions = (
            LearnedPositions(config.context, config.d_model) if learned else NoPositions()
        )
        self.dropout = Dropout(config.dropout)
        rotation = NoRotation() if learned else Rotary(config.d_head)
        block = PreNormBlock if config.norm == "pre" else PostNormBlock
        self.blocks = nn.ModuleList(
            block(
                FusedHeads(config.d_model, config.n_heads, config.attention_bias, rotation),
                FeedForward(config.d_model, config.d_ff),
                config.d_model,
                config.dropout,
            )
            for _ in range(config.n_layers)
        )
        # a post-norm block has normalised its own output
        self.final_norm = LayerNorm(config.d_model) if config.norm == "pre" else nn.Identity()
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights from torch's global generator; gains stay 1 and biases become 0."""
        residual = 0.02 / math.sqrt(2 * self.config.n_layers)
        for name, parameter in self.named_parameters():
            if name.endswith(("attention.output.weight", "mlp.narrow.weight")):
                nn.init.normal_(parameter, std=residual)
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self, tokens: Int[Tensor, "B T"], mask: Bool[Tensor, "#B #H #T T"] | None = None
    ) -> Float[Tensor, "B T V"]:
        """`logits[:, t]` scores the token at t + 1; without a mask, position t sees 0 to t."""
        x = self.dropout(self.positions(self.embedding(tokens)))
        for block in self.blocks:
            x = block(x, mask)
        return self.embedding.logits(self.final_norm(x))

    def n_parameters(self) -> int:
        """How many numbers are trained; the tied table counts once."""
        return sum(parameter.numel() for parameter in self.parameters())
