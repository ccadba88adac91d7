r"""GPT-2 on one page: token ids in, logits and loss out, with nothing but torch.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3. Departure
from GPT-2: no dropout on the attention weights. `model/gpt.py` builds the same model from parts
that can be exchanged; `tests/test_gpt2.py` checks that values and gradients are equal.

Letters of the shapes: B sequences, T tokens, D width, H heads of width K, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class GPT2Config:
    """The shape of the model; the defaults are those of GPT-2 small, with 124 million weights."""

    vocab_size: int = 50257
    context: int = 1024  # longest sequence
    n_layers: int = 12
    n_heads: int = 12
    d_model: int = 768  # width of the residual stream
    dropout: float = 0.1  # probability of zeroing a number in training


class CausalSelfAttention(nn.Module):
    """Let each token take a weighted mean of values from itself and earlier tokens."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.output = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Compute softmax(q k^T / sqrt(K)) v in every head, with the future masked out."""
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.n_heads, -1)  # B T 3 H K
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each B H T K
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # B H T T
        future = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(diagonal=1)
        weights = scores.masked_fill(future, -torch.inf).softmax(dim=-1)
        mixed = weights @ v  # B H T K
        return self.output(mixed.transpose(1, 2).reshape(B, T, D))


class MLP(nn.Module):
    """Transform each token by itself: to four times the width, through GELU, and back."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.widen = nn.Linear(config.d_model, 4 * config.d_model)
        self.narrow = nn.Linear(4 * config.d_model, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Compute GELU(x W_1 + b_1) W_2 + b_2, with the tanh form of GELU."""
        return self.narrow(F.gelu(self.widen(x), approximate="tanh"))


class TransformerBlock(nn.Module):
    """Attention, then the MLP; each reads a normalised x and adds its output to x."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = CausalSelfAttention(config)
        self.mlp_norm = nn.LayerNorm(config.d_model)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Add both outputs to the residual stream."""
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class GPT2(nn.Module):
    """Embed tokens and positions, apply the blocks, and score every possible next token."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.final_norm = nn.LayerNorm(config.d_model)
        self.initialise(residual_std=0.02 / math.sqrt(2 * config.n_layers))

    def initialise(self, residual_std: float) -> None:
        """Draw matrices from N(0, 0.02) and set biases to 0; layers that add to x start smaller."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        # 2 n_layers outputs are added to x; scaled like this, their sum does not grow with depth
        for block in self.blocks:
            for name in ("attention.output.weight", "mlp.narrow.weight"):
                nn.init.normal_(block.get_parameter(name), std=residual_std)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (B T V): those at position t score the token at t + 1.

        Raises:
            ValueError: the sequences are longer than the context.
        """
        context = self.position_embedding.num_embeddings
        if tokens.shape[1] > context:
            raise ValueError(f"{tokens.shape[1]} tokens are too many; the context has {context}")
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.dropout(self.token_embedding(tokens) + self.position_embedding(positions))  # B T D
        for block in self.blocks:
            x = block(x)
        # the head is the token embedding: a token scores high if x points in its direction
        return self.final_norm(x) @ self.token_embedding.weight.T

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy, in nats, of the token that follows each position."""
        return F.cross_entropy(self(tokens).flatten(0, 1), targets.flatten())
