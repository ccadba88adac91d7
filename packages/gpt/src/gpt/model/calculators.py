r"""The cost of a model, by arithmetic on its config: parameters, operations and memory.

Nothing is built, so that a model of any size can be planned. A product of n x m and m x k takes
2 n m k operations, so a token costs about 2 per parameter in the forward pass and twice that in the
backward pass: 6 N per token of training (Kaplan et al. 2020, section 2.1). Attention adds 12 L H K
operations per token and position of the context (Chowdhery et al. 2022, "PaLM", appendix B). Both
papers leave out what is small: here the head counts, and embeddings, norms and biases do not.

Attention is counted as if no position were masked, as both papers and torch's counter do.
"""

from typing import NamedTuple

from gpt.errors import BadInput
from gpt.model.cache import cache_bytes
from gpt.model.config import GPTConfig
from gpt.model.feed_forward import GATE_ACTIVATIONS


class ParameterCount(NamedTuple):
    """Parameters of a model by their place."""

    embedding: int
    """Token embeddings, which are also the head's weights if the head is tied."""
    positions: int
    """Learned position embeddings."""
    attention: int
    """Attention of all blocks."""
    feed_forward: int
    """Feed-forward layers of all blocks."""
    norms: int
    """Gains and biases of all norms."""
    head: int
    """A head of its own and its bias."""

    @property
    def total(self) -> int:
        """All parameters, as `GPT.n_parameters` counts them."""
        return sum(self)


def count_parameters_by_place(config: GPTConfig) -> ParameterCount:
    """Count the parameters of a model; a tied table counts once."""
    d_model, d_ff, n_layers = config.d_model, config.d_ff, config.n_layers
    d_heads = config.n_heads * config.d_head
    d_qkv = d_heads + 2 * config.kv_heads * config.d_head
    n_up = 2 if config.feed_forward in GATE_ACTIVATIONS else 1
    attention = d_model * d_qkv + d_heads * d_model + config.attention_bias * (d_qkv + d_model)
    mlp = (n_up + 1) * d_model * d_ff + config.ff_bias * (n_up * d_ff + d_model)
    norm = 2 * d_model if config.norm_kind == "layer" else d_model
    table = config.vocab_size * d_model
    return ParameterCount(
        embedding=table,
        positions={"learned": config.context * d_model, "t5": 32 * config.n_heads}.get(
            config.positions, 0
        ),
        attention=n_layers * attention,
        feed_forward=n_layers * mlp,
        norms=(2 * n_layers + (config.norm == "pre")) * norm,
        head=(0 if config.tied_head else table) + config.head_bias * config.vocab_size,
    )


def count_forward_flops(config: GPTConfig, n_tokens: int, batch_size: int = 1) -> int:
    """Count the operations of the matrix products of a forward pass, all logits included.

    Raises:
        BadInput: there are no tokens, or no rows.
    """
    check_counts(n_tokens, batch_size)
    d_model = config.d_model
    d_heads = config.n_heads * config.d_head
    qkv_and_output = d_model * (2 * d_heads + 2 * config.kv_heads * config.d_head)
    mlp = (3 if config.feed_forward in GATE_ACTIVATIONS else 2) * d_model * config.d_ff
    per_token = config.n_layers * (qkv_and_output + mlp) + config.vocab_size * d_model
    # scores and weighted values, each T x T products of width K per head
    attention = 2 * config.n_layers * n_tokens**2 * d_heads
    return 2 * batch_size * (n_tokens * per_token + attention)


def count_training_flops(config: GPTConfig, n_tokens: int, batch_size: int = 1) -> int:
    """Count the operations of a training step's products: forward pass, and backward twice that.

    The backward pass has two products for each of the forward pass: one gradient per factor. The
    recomputation of scores that fused kernels of attention do is not counted (PaLM, appendix B).

    Raises:
        BadInput: there are no tokens, or no rows.
    """
    return 3 * count_forward_flops(config, n_tokens, batch_size)


class MemoryCount(NamedTuple):
    """Memory in bytes of what training or generation keeps."""

    weights: int
    """All parameters."""
    gradients: int
    """One number per parameter."""
    optimizer: int
    """AdamW's two running means per parameter."""
    activations: int
    """Results of the forward pass that the backward pass needs, without logits."""
    logits: int
    """Scores of every position and token, of which the loss keeps one copy."""

    @property
    def total(self) -> int:
        """Sum of the five parts."""
        return sum(self)


def count_training_memory(
    config: GPTConfig, n_tokens: int, batch_size: int, bytes_per_number: int = 4
) -> MemoryCount:
    r"""Count the memory of a training step with AdamW, all in one format.

    Activations are counted from the equations, in numbers per position and block: the inputs of
    both norms and their results (4 D), queries, keys and values ((H + 2 J) K), the mixed values
    (H K) and a log-sum per head (H), and the feed-forward layer before and after its activation
    (2 F, or 4 F with a gate) (in the manner of Korthikanti et al. 2022, section 4.1, whose kernels
    keep attention weights, too). Kernels differ: this package's saved tensors are within 30 % of
    the count, except with `gelu` in tanh form and with RMSNorm, which save more on a CPU.
    `finetune.memory` counts exactly.

    Raises:
        BadInput: there are no tokens, or no rows.
    """
    check_counts(n_tokens, batch_size)
    d_heads = config.n_heads * config.d_head
    qkv = d_heads + 2 * config.kv_heads * config.d_head
    mlp = (4 if config.feed_forward in GATE_ACTIVATIONS else 2) * config.d_ff
    block = 4 * config.d_model + qkv + d_heads + config.n_heads + mlp
    positions, weights = batch_size * n_tokens, count_parameters_by_place(config).total
    return MemoryCount(
        weights=weights * bytes_per_number,
        gradients=weights * bytes_per_number,
        optimizer=2 * weights * bytes_per_number,
        activations=positions * config.n_layers * block * bytes_per_number,
        logits=positions * config.vocab_size * bytes_per_number,
    )


def count_cache_bytes(
    config: GPTConfig, n_tokens: int, batch_size: int = 1, bytes_per_number: int = 4
) -> int:
    """Count the memory of the KV cache of a model, by `cache_bytes`.

    Raises:
        BadInput: there are no tokens, or no rows.
    """
    check_counts(n_tokens, batch_size)
    shape = config.n_layers, config.kv_heads, config.d_head
    return cache_bytes(n_tokens, *shape, batch_size, bytes_per_number)


def check_counts(n_tokens: int, batch_size: int) -> None:
    """Check the size of a batch.

    Raises:
        BadInput: there are no tokens, or no rows.
    """
    for name, value in {"n_tokens": n_tokens, "batch_size": batch_size}.items():
        if value < 1:
            raise BadInput(f"{name} must be at least 1, got {value}")
