"""Model shapes: GPT-2, Llama, and mixtures of both."""

from dataclasses import dataclass
from typing import Literal, get_args

from gpt.errors import BadInput

PositionKind = Literal["learned", "sinusoidal", "rotary", "alibi", "t5", "none"]
FeedForwardKind = Literal[
    "relu", "relu2", "gelu", "gelu-erf", "silu", "swiglu", "geglu", "geglu-erf", "reglu"
]


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model; the defaults are a small GPT-2 with rotary positions."""

    vocab_size: int = 4096
    """Vocabulary size."""
    context: int = 128
    """Longest sequence in training, and the window that generation reads."""
    n_layers: int = 4
    """Number of blocks."""
    n_heads: int = 4
    """Attention heads per block."""
    d_model: int = 128
    """Width of the residual stream, the vectors that run through all blocks."""
    d_ff: int = 512
    """Width inside the feed-forward layer: usually 4 d_model, or 8/3 d_model with a gate."""
    positions: PositionKind = "rotary"
    """Position scheme: a learned table (GPT-2) or sinusoids (the original) added to the embeddings,
    rotated queries and keys (Llama), a penalty on distance (ALiBi), a learned bias per distance
    (T5), or none."""
    norm: Literal["pre", "post"] = "pre"
    """Normalise before attention and feed-forward layer (GPT-2), or after (the original)."""
    attention_bias: bool = False
    """Give the projections of attention biases, as in GPT-2."""
    embedding_scale: bool = False
    """Multiply embeddings by sqrt(d_model), as in the original transformer."""
    dropout: float = 0.0
    """Probability of zeroing a number in training; 0 suits data that is read only a few times."""
    n_kv_heads: int | None = None
    """Key-value heads; with fewer than n_heads, groups of heads share them. Default: n_heads."""
    head_width: int | None = None
    """Width of a head. Default: d_model / n_heads."""
    rotary_base: float = 10_000.0
    """Base of the rotary frequencies; larger = slower rotation, for longer contexts."""
    norm_kind: Literal["layer", "rms"] = "layer"
    """LayerNorm (GPT-2) or RMSNorm (Llama)."""
    norm_eps: float = 1e-5
    """Added inside the square root of a norm to avoid dividing by zero; 1e-6 in some Llamas."""
    feed_forward: FeedForwardKind = "gelu"
    """Activation of the feed-forward layer: gelu in GPT-2, swiglu in Llama, relu originally."""
    ff_bias: bool = True
    """Give the feed-forward layer biases, as in GPT-2."""
    head_bias: bool = False
    """Give every token a bias at the head, which can learn how common the token is."""
    tied_head: bool = True
    """Use the token embeddings as the head (Press and Wolf 2017), instead of a second table."""

    def __post_init__(self) -> None:
        """Raise BadInput for shapes that cannot be built."""
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
        if self.positions not in get_args(PositionKind):
            schemes = ", ".join(get_args(PositionKind))
            raise BadInput(f"positions must be one of {schemes}, got {self.positions!r}")
        if self.positions == "rotary" and self.d_head % 2:
            raise BadInput(
                f"rotary positions rotate pairs; the head width {self.d_head} must be even"
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"dropout must lie in [0, 1), got {self.dropout}")
        for name in ("rotary_base", "norm_eps"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput(f"{name} must be a positive number, got {getattr(self, name)}")

    @property
    def d_head(self) -> int:
        """Width of a head."""
        return self.d_model // self.n_heads if self.head_width is None else self.head_width

    @property
    def kv_heads(self) -> int:
        """Number of key-value heads."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads
