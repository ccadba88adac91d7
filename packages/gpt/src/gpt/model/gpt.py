r"""GPT: embed the tokens, pass them through a stack of blocks, and score every next token.

Radford et al. 2018 and 2019 (GPT, GPT-2); with rotary positions, RMSNorm and SwiGLU it is Llama
(Touvron et al. 2023). Weights start from N(0, 0.02); those of the layers that add to the residual
stream from N(0, 0.02 / sqrt(2 L)) (GPT-2, section 2.3), so that its variance does not grow with
depth. At the start all tokens are about equally likely: the loss is near ln V.

Departure from GPT-2: no dropout on the attention weights; one kind of dropout is enough here.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gpt.model.alibi import Alibi
from gpt.model.blocks import Block, PostNormBlock, PreNormBlock
from gpt.model.cache import KVCache, empty_layer_cache
from gpt.model.config import GPTConfig
from gpt.model.dropout import Dropout
from gpt.model.embedding import TokenEmbedding
from gpt.model.fast.choose import use_fast_operations
from gpt.model.feed_forward import make_feed_forward
from gpt.model.heads import MultiHeadAttention
from gpt.model.loss import linear_cross_entropy
from gpt.model.norms import NORMS
from gpt.model.positions import LearnedPositions, PositionIndex, SinusoidalPositions
from gpt.model.relative_bias import RelativeBias
from gpt.model.rotary import Rotary


def make_block(config: GPTConfig) -> Block:
    """Build one block: attention and a feed-forward layer, each with a norm."""
    attention = MultiHeadAttention(
        config.d_model, config.n_heads, config.kv_heads, config.d_head, config.attention_bias
    )
    mlp = make_feed_forward(config.feed_forward, config.d_model, config.d_ff, config.ff_bias)
    norm = NORMS[config.norm_kind]
    attention_norm = norm(config.d_model, config.norm_eps)
    mlp_norm = norm(config.d_model, config.norm_eps)
    kind = PreNormBlock if config.norm == "pre" else PostNormBlock
    return kind(attention, mlp, attention_norm, mlp_norm, config.dropout)


class GPT(nn.Module):
    """A decoder-only transformer: token ids in, a score for every possible next token out."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        d_model, vocab_size = config.d_model, config.vocab_size
        scale = math.sqrt(d_model) if config.embedding_scale else 1.0
        self.embedding = TokenEmbedding(vocab_size, d_model, scale)
        # positions enter in one of three places: the embedding, queries and keys, or the scores
        self.positions: LearnedPositions | SinusoidalPositions | None = None
        self.rotation: Rotary | None = None
        self.distance_bias: Alibi | RelativeBias | None = None
        match config.positions:
            case "learned":
                self.positions = LearnedPositions(config.context, d_model)
            case "sinusoidal":
                self.positions = SinusoidalPositions(d_model)
            case "rotary":
                self.rotation = Rotary(config.d_head, config.rotary_base)
            case "alibi":
                self.distance_bias = Alibi(config.n_heads)
            case "t5":
                self.distance_bias = RelativeBias(config.n_heads)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(make_block(config) for _ in range(config.n_layers))
        norm = NORMS[config.norm_kind](d_model, config.norm_eps)
        # a post-norm block has already normalised its output
        self.final_norm = norm if config.norm == "pre" else nn.Identity()
        self.head = None if config.tied_head else nn.Parameter(torch.empty(vocab_size, d_model))
        self.head_bias = nn.Parameter(torch.zeros(vocab_size)) if config.head_bias else None
        # the operations of the head: logits and loss
        self.linear, self.linear_cross_entropy = F.linear, linear_cross_entropy
        self.empty_layer_cache = empty_layer_cache  # makes the slots of one layer
        self.initialise()
        use_fast_operations(self)  # same values and gradients; the model works without this line

    def initialise(self) -> None:
        """Draw the weights from torch's global generator; gains stay 1 and biases become 0."""
        if self.embedding.weight.is_meta:  # without memory: the weights will come from a file
            return
        residual_std = 0.02 / math.sqrt(2 * self.config.n_layers)
        last = ("attention.output.weight", "mlp.narrow.weight")
        adds_to_residual = {block.get_parameter(name) for block in self.blocks for name in last}
        for parameter in self.parameters():
            if parameter.ndim == 2:
                std = residual_std if parameter in adds_to_residual else 0.02
                nn.init.normal_(parameter, std=std)
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        mask: Bool[Tensor, "#B #H #T S"] | None = None,
        cache: KVCache | None = None,
        targets: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T V"] | Float[Tensor, ""]:
        """Return the logits: `logits[:, t]` scores the token at t + 1.

        Without a mask, position t sees positions 0 to t. With targets, return `loss` instead: DDP,
        FSDP and torch.compile wrap a model's `forward` only, so training must go through it.
        """
        if targets is not None:
            return self.loss(tokens, targets, mask)
        return self.logits(self.hidden(tokens, mask, cache))

    def loss(
        self,
        tokens: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        mask: Bool[Tensor, "#B #H #T S"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the cross-entropy of the targets, summed over all positions, in nats."""
        x = self.hidden(tokens, mask)
        return self.linear_cross_entropy(x, self.head_weight, self.head_bias, targets)

    def hidden(
        self,
        tokens: Int[Tensor, "B T"],
        mask: Bool[Tensor, "#B #H #T S"] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Return the final hidden states: the residual stream after the last block, normalised."""
        n_tokens, n_past, layer_caches = tokens.shape[1], 0, [None] * len(self.blocks)
        index: PositionIndex = slice(0, n_tokens)
        if cache is not None:
            n_past, layer_caches, index = cache.length, cache.layers, cache.index(n_tokens)
            mask = cache.mask(n_tokens) if mask is None else mask
        x = self.embedding(tokens)
        if self.positions is not None:
            x = self.positions(x, index)
        x = self.dropout(x)
        rotate = None if self.rotation is None else self.rotation(index, x)
        if self.distance_bias is not None:
            mask = self.distance_bias(mask, n_tokens, n_past + n_tokens, x)
        for block, layer_cache in zip(self.blocks, layer_caches, strict=True):
            x = block(x, rotate, mask, layer_cache)
        return self.final_norm(x)

    def logits(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Score every token: the dot product of x with its row of the head."""
        return self.linear(x, self.head_weight, self.head_bias)

    @property
    def head_weight(self) -> Float[Tensor, "V D"]:
        """The weights of the head: the token embeddings, or a table of its own."""
        return self.embedding.weight if self.head is None else self.head

    def cache(
        self, batch_size: int, n_slots: int, padding: Int[Tensor, " B"] | None = None
    ) -> KVCache:
        """Return an empty cache of `n_slots` tokens per row, `padding` of them before the text."""
        config = self.config
        shape = (batch_size, config.kv_heads, n_slots, config.d_head)
        # one block per layer, so that `select_rows` can free them one after the other
        layers = [
            self.empty_layer_cache(*shape, like=self.embedding.weight)
            for _ in range(config.n_layers)
        ]
        return KVCache(layers, n_slots, padding)

    def n_parameters(self) -> int:
        """Count the trained numbers; a tied table counts once."""
        return sum(parameter.numel() for parameter in self.parameters())
