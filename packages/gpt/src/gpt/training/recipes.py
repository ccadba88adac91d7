"""Two recipes for a model: architecture and hyperparameters of GPT-2, and newer, faster ones.

A recipe does not decide the model's size or its text. `scripts/time_to_loss.py --no-ngrams`
measures how long each recipe takes to reach the same loss.
"""

from typing import Any, Literal, NamedTuple

from gpt.training.config import LoopConfig


class Recipe(NamedTuple):
    """Architecture and hyperparameters that belong together."""

    model_fields: dict[str, Any]
    """Fields of GPTConfig, by name."""
    loop: LoopConfig
    """Hyperparameters of the training loop."""


PLAIN_RECIPE = Recipe(
    # Radford et al. 2019
    {"positions": "learned", "norm_kind": "layer", "feed_forward": "gelu", "ff_bias": True},
    LoopConfig(),
)

FAST_RECIPE = Recipe(
    # rotary positions and RMSNorm as in Llama (Touvron et al. 2023), and the squared ReLU, which
    # So et al. 2021 ("Primer", section 3) found by search; together the architecture of Arcee
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "relu2", "ff_bias": False},
    # AdamW only trains embeddings and gains here, which tolerate a higher rate than matrices do;
    # in runs this short, a lower momentum than Muon's usual 0.95 and a higher rate than its usual
    # 0.02 are better
    LoopConfig(
        optimizer="muon",
        muon_learning_rate=0.04,
        muon_momentum=0.9,
        learning_rate=1e-2,
        min_lr_ratio=0.0,
        warmup_ratio=0.0,
    ),
)

RecipeName = Literal["plain", "fast"]
RECIPES: dict[RecipeName, Recipe] = {"plain": PLAIN_RECIPE, "fast": FAST_RECIPE}
