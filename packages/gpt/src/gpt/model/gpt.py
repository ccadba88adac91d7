r"""GPT: embed the tokens, pass them through a stack of blocks, read off the next token.

Radford et al. 2018 and 2019 (GPT, GPT-2); with rotary positions, RMSNorm and SwiGLU it is Llama
(Touvron et al. 2023). The weights start at N(0, 0.02), those that write into the residual stream at
0.02 / sqrt(2 L) (GPT-2, section 2.3), so that the variance of the stream does not grow with depth.
At the start every token is about as likely as every other: the loss is near ln V.

Departure from GPT-2: no dropout on the attention weights; one kind of dropout is enough here.
"""

import math
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.model.alibi import Alibi, NoBias
from gpt.model.blocks import PostNormBlock, PreNormBlock
from gpt.model.cache import KVCache
from gpt.model.config import GPTConfig
from gpt.model.fast.head_loss import linear_cross_entropy
from gpt.model.feed_forward import FEED_FORWARDS
from gpt.model.heads import MultiHeadAttention
from gpt.model.layers import Dropout, TokenEmbedding, linear
from gpt.model.norms import NORMS
from gpt.model.positions import LearnedPositions, NoPositions, SinusoidalPositions
from gpt.model.rotary import NoRotation, Rotary

POSITION_EMBEDDINGS = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}


class GPT(nn.Module):
    """A decoder-only transformer: token ids in, a score for every possible next token out."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        d_model, scheme = config.d_model, config.positions
        scale = math.sqrt(d_model) if config.embedding_scale else 1.0
        self.embedding = TokenEmbedding(config.vocab_size, d_model, scale)
        # each scheme of positions acts in one of three places
        self.positions = (
            POSITION_EMBEDDINGS[scheme](config.context, d_model)
            if scheme in POSITION_EMBEDDINGS
            else NoPositions()
        )
        self.rotation = (
            Rotary(config.d_head, config.rotary_base) if scheme == "rotary" else NoRotation()
        )
        self.bias = Alibi(config.n_heads) if scheme == "alibi" else NoBias()
        self.dropout = Dropout(config.dropout)
        norm = partial(NORMS[config.norm_kind], d_model, config.norm_eps)
        block = PreNormBlock if config.norm == "pre" else PostNormBlock
        self.blocks = nn.ModuleList(
            block(
                MultiHeadAttention(
                    d_model, config.n_heads, config.kv_heads, config.d_head, config.attention_bias
                ),
                FEED_FORWARDS[config.feed_forward](d_model, config.d_ff, config.ff_bias),
                norm,
                config.dropout,
            )
            for _ in range(config.n_layers)
        )
        # a post-norm block has normalised its own output
        self.final_norm = norm() if config.norm == "pre" else nn.Identity()
        shape = (config.vocab_size, d_model)
        self.head = None if config.tied_head else nn.Parameter(torch.empty(shape))
        self.head_bias = nn.Parameter(torch.empty(shape[0])) if config.head_bias else None
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights from torch's global generator; gains stay 1 and biases become 0."""
        if self.embedding.weight.is_meta:  # an outline, which takes over the weights of a file
            return
        residual = 0.02 / math.sqrt(2 * self.config.n_layers)
        for name, parameter in self.named_parameters():
            if name.endswith(("attention.output.weight", "mlp.narrow.weight")):
                nn.init.normal_(parameter, std=residual)
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        mask: Bool[Tensor, "#B #H #T S"] | None = None,
        cache: KVCache | None = None,
        targets: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T V"] | Float[Tensor, ""]:
        """`logits[:, t]` scores the token at t + 1; without a mask, position t sees 0 to t.

        With targets, the summed cross-entropy of those takes the place of the scores (nats).
        """
        x = self.hidden(tokens, mask, cache)
        if targets is None:
            return self.logits(x)
        return linear_cross_entropy(x, self.head_weight, self.head_bias, targets)

    def hidden(
        self,
        tokens: Int[Tensor, "B T"],
        mask: Bool[Tensor, "#B #H #T S"] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The stream after the last block: all that the head sees."""
        n_tokens = tokens.shape[1]
        if cache is None:
            index, n_keys, layers = slice(0, n_tokens), n_tokens, [None] * len(self.blocks)
        else:
            index, n_keys, layers = cache.index(n_tokens), cache.length + n_tokens, cache.layers
            mask = cache.mask(n_tokens) if mask is None else mask
        x = self.dropout(self.positions(self.embedding(tokens), index))
        turn, mask = self.rotation(index, x), self.bias(mask, n_tokens, n_keys, x)
        for block, layer in zip(self.blocks, layers, strict=True):
            x = block(x, turn, mask, layer)
        return self.final_norm(x)

    def logits(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """How well each position matches each token's row."""
        return linear(x, self.head_weight, self.head_bias)

    @property
    def head_weight(self) -> Float[Tensor, "V D"]:
        """The rows that scores are read off with."""
        return self.embedding.weight if self.head is None else self.head

    def cache(
        self, batch_size: int, n_slots: int, padding: Int[Tensor, " B"] | None = None
    ) -> KVCache:
        """An empty cache for sequences of up to `n_slots` tokens; see `cache` for `padding`."""
        config, weight = self.config, self.embedding.weight
        shape = (config.n_layers, 2, batch_size, config.kv_heads, n_slots, config.d_head)
        return KVCache(torch.zeros(shape, dtype=weight.dtype, device=weight.device), padding)

    def n_parameters(self) -> int:
        """How many numbers are trained; a tied table counts once."""
        return sum(parameter.numel() for parameter in self.parameters())
