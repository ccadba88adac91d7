"""The cost of a forward pass."""

from gpt.exercises.solutions.count_parameters import GATED
from gpt.model.config import GPTConfig


def forward_flops(config: GPTConfig, n_tokens: int) -> int:
    """Count the operations of projections, feed-forward layers, head and attention."""
    d, gathered = config.d_model, config.n_heads * config.d_head
    projections = d * (2 * gathered + 2 * config.kv_heads * config.d_head)
    mlp = (3 if config.feed_forward in GATED else 2) * d * config.d_ff
    matrices = config.n_layers * (projections + mlp) + config.vocab_size * d
    scores_and_means = 2 * config.n_layers * n_tokens**2 * gathered
    return 2 * (n_tokens * matrices + scores_and_means)
