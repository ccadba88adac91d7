"""Two ways to build and train the same model: as GPT-2 was, and as is done since.

A recipe names the parts of the model and how to train it; its size and the text are none of its
business. `scripts/time_to_loss.py --no-ngrams` lets the two race.
"""

from typing import Any, Literal, NamedTuple

from gpt.training.loop import LoopConfig


class Recipe(NamedTuple):
    """What a recipe decides."""

    parts: dict[str, Any]
    """Fields of GPTConfig."""
    loop: LoopConfig
    """How to train."""


PLAIN_RECIPE = Recipe(
    # Radford et al. 2019
    {"positions": "learned", "norm_kind": "layer", "feed_forward": "gelu", "ff_bias": True},
    LoopConfig(),
)

FAST_RECIPE = Recipe(
    # rotary positions and RMSNorm as in Llama (Touvron et al. 2023), and the squared ReLU, which
    # So et al. 2021 ("Primer", section 3) found by search; together the shape of Arcee's models
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "relu2", "ff_bias": False},
    # embeddings and gains bear a larger rate than matrices under AdamW do; in runs this short, a
    # shorter memory than Muon's usual 0.95 and a larger rate than its usual 0.02 are better
    LoopConfig(
        optimizer="muon",
        muon_rate=0.04,
        momentum=0.9,
        learning_rate=1e-2,
        final_rate=0.0,
        warmup=0.0,
    ),
)

RecipeName = Literal["plain", "fast"]
RECIPES: dict[RecipeName, Recipe] = {"plain": PLAIN_RECIPE, "fast": FAST_RECIPE}
