"""The shape of a model: GPT-2, Llama, and their mixes."""

from dataclasses import dataclass
from typing import Literal

from gpt.errors import BadInput

PositionKind = Literal["learned", "sinusoidal", "rotary", "alibi", "none"]
FeedForwardKind = Literal[
    "relu", "relu2", "gelu", "gelu-erf", "silu", "swiglu", "geglu", "geglu-erf", "reglu"
]


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
    """Attentions side by side."""
    d_model: int = 128
    """Width of the stream that runs through all blocks."""
    d_ff: int = 512
    """Width inside the feed-forward layer; four times d_model by custom, 8/3 where it is gated."""
    positions: PositionKind = "rotary"
    """A learned table (GPT-2) or waves (the original) added to the embeddings, rotated queries and
    keys (Llama), a penalty on distance (ALiBi), or none at all."""
    norm: Literal["pre", "post"] = "pre"
    """Normalise before each half of a block (GPT-2), or after it (the original transformer)."""
    attention_bias: bool = False
    """Whether the four projections of attention have biases, as in GPT-2."""
    embedding_scale: bool = False
    """Multiply embeddings by sqrt(d_model), as in the original transformer."""
    dropout: float = 0.0
    """Share of numbers zeroed in training; 0 where the data is read only a few times."""
    n_kv_heads: int | None = None
    """Key-value heads; fewer than n_heads makes groups that share them. Default: n_heads."""
    head_width: int | None = None
    """Width of a head. Default: d_model / n_heads."""
    rotary_base: float = 10_000.0
    """How slowly the slowest pair turns; larger for longer contexts."""
    norm_kind: Literal["layer", "rms"] = "layer"
    """LayerNorm (GPT-2) or RMSNorm (Llama)."""
    norm_eps: float = 1e-5
    """What keeps a norm from dividing by zero; 1e-6 in some Llamas."""
    feed_forward: FeedForwardKind = "gelu"
    """The bend of the feed-forward layer: gelu in GPT-2, swiglu in Llama, relu in the original."""
    ff_bias: bool = True
    """Whether the feed-forward layer has biases, as in GPT-2."""
    head_bias: bool = False
    """Whether every token has a bias at the head, as a measure of how common it is."""
    tied_head: bool = True
    """Score tokens by their own embeddings (Press and Wolf 2017), or by a second table."""

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built."""
        for name in ("vocab_size", "context", "n_layers", "n_heads", "d_model", "d_ff"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.head_width is None and self.d_model % self.n_heads:
            raise BadInput(f"d_model {self.d_model} does not divide into {self.n_heads} heads")
        if self.d_head < 1 or self.kv_heads < 1 or self.n_heads % self.kv_heads:
            raise BadInput(
                f"{self.n_heads} heads of width {self.d_head} cannot share {self.kv_heads} "
                "key-value heads; their number must divide the number of heads"
            )
        if self.positions == "rotary" and self.d_head % 2:
            raise BadInput(
                f"rotary positions turn pairs; the head width {self.d_head} must be even"
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout must lie in [0, 1), got {self.dropout}")
        for name in ("rotary_base", "norm_eps"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads if self.head_width is None else self.head_width

    @property
    def kv_heads(self) -> int:
        """Key-value heads."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads
