"""The size of a model, by arithmetic."""

from gpt.model.config import GPTConfig

GATED = ("swiglu", "geglu", "geglu-erf", "reglu")


def count_parameters(config: GPTConfig) -> int:
    """Add up embedding tables, blocks and the final norm; a tied table counts once."""
    d, d_ff, vocabulary = config.d_model, config.d_ff, config.vocab_size
    gathered = config.n_heads * config.d_head
    qkv = gathered + 2 * config.kv_heads * config.d_head
    widened = 2 * d_ff if config.feed_forward in GATED else d_ff

    attention = d * qkv + gathered * d + config.attention_bias * (qkv + d)
    mlp = d * widened + d_ff * d + config.ff_bias * (widened + d)
    norm = 2 * d if config.norm_kind == "layer" else d
    tables = vocabulary * d * (1 if config.tied_head else 2) + vocabulary * config.head_bias
    if config.positions == "learned":
        tables += config.context * d
    if config.positions == "t5":
        tables += 32 * config.n_heads
    final = norm if config.norm == "pre" else 0
    return tables + config.n_layers * (attention + mlp + 2 * norm) + final
