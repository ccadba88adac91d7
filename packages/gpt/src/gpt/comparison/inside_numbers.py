"""The numbers of `gpt.inside` that are compared with TransformerLens, on two small models.

`scripts/equal_transformer_lens.py` computes them in both libraries and records those of
TransformerLens; an ordinary test computes ours and compares them with the recording.

TransformerLens has two conventions for the final norm, and so have we: `accumulated_resid` with
`apply_ln=True` normalises every layer by its own statistics, as `logit_lens` does, and
`logit_attrs` keeps the scale of the last layer, as `logit_attribution` does. Its `detect_head`
divides by all queries, where we divide by those that have a key in the pattern.
"""

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from gpt.inside.activations import Edit, Point, edited, record_activations
from gpt.inside.attention_maps import attention_maps
from gpt.inside.attribution import logit_attribution
from gpt.inside.head_types import PATTERNS, pattern_scores
from gpt.inside.lens import logit_lens
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SMALL_SHAPE = GPTConfig(12, 16, n_layers=2, n_heads=2, d_model=8, d_ff=16)
COMPARED_MODELS = {
    "GPT-2": replace(SMALL_SHAPE, positions="learned", attention_bias=True),
    "Llama": replace(
        SMALL_SHAPE,
        n_heads=4,
        n_kv_heads=2,
        norm_kind="rms",
        feed_forward="swiglu",
        ff_bias=False,
        tied_head=False,
    ),
}
COMPARED_TOKENS = [11, 3, 4, 5, 7, 3, 4, 5, 7]
"""Token 11 ends a text, and TransformerLens begins every text with it; the rest repeats."""
CORRUPTED_TOKENS = [11, 3, 9, 5, 7, 3, 4, 5, 7]
"""The other text of activation patching: one token is another."""


def formula_model(config: GPTConfig) -> GPT:
    """Build a model with weights sin(k + i^2) / 2: number i of tensor k, plus 1 in gains."""
    model = GPT(config).eval().requires_grad_(False)
    for k, (name, parameter) in enumerate(model.named_parameters()):
        i = torch.arange(parameter.numel(), dtype=torch.float64)
        values = (k + i.square()).sin() / 2 + name.endswith("gain")
        parameter.copy_(values.view_as(parameter))
    return model


def inside_numbers(model: GPT) -> dict[str, Tensor]:
    """Compute everything that is compared, by name."""
    tokens, corrupted = torch.tensor([COMPARED_TOKENS]), torch.tensor([CORRUPTED_TOKENS])
    parts = logit_attribution(model, tokens, tokens.roll(-1, dims=1))
    numbers = {
        "logit lens": logit_lens(model, tokens)[:, 0],
        "attribution: embedding": parts.embedding[0],
        "attribution: positions": parts.positions[0],
        "attribution: heads": parts.heads[:, :, 0],
        "attribution: MLPs": parts.mlps[:, 0],
        "attribution: biases": parts.attention_biases.sum(dim=0)[0],
    }
    maps = attention_maps(model, tokens)
    for kind in ("previous token", "duplicate token", "induction"):
        pattern = PATTERNS[kind](tokens[0])
        share_with_key = pattern.any(dim=1).double().mean()
        numbers[f"head scores: {kind}"] = pattern_scores(maps, pattern[None]) * share_with_key
    clean = record_activations(model, tokens)
    numbers["patching: residual"] = torch.tensor(
        [
            [
                patched_logit(model, corrupted, clean, Point("residual", layer), (slice(None), t))
                for t in range(tokens.shape[1])
            ]
            for layer in range(model.config.n_layers)
        ]
    )
    every = slice(None)
    numbers["patching: heads"] = torch.tensor(
        [
            [
                patched_logit(model, corrupted, clean, Point("heads", layer), (every, every, head))
                for head in range(model.config.n_heads)
            ]
            for layer in range(model.config.n_layers)
        ]
    )
    return numbers


def patched_logit(
    model: GPT,
    tokens: Int[Tensor, "1 T"],
    clean: dict[Point, Tensor],
    point: Point,
    index: tuple[slice | int, ...],
) -> float:
    """Return the last position's logit of token 3 with the clean numbers at one place."""

    def patch(activation: Tensor) -> Tensor:
        activation = activation.clone()
        activation[index] = clean[point][index]
        return activation

    edits: dict[Point, Edit] = {point: patch}
    with torch.no_grad(), edited(model, edits):
        return float(model(tokens)[0, -1, 3])
