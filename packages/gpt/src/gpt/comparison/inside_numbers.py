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
from torch import Tensor

from gpt.inside.attention_maps import attention_maps
from gpt.inside.attribution import logit_attribution
from gpt.inside.head_types import PATTERNS, pattern_scores
from gpt.inside.lens import logit_lens
from gpt.inside.patching import effects_by_head, effects_by_position, record_runs
from gpt.inside.prompt_pairs import PromptPair
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
COMPARED_PAIR = PromptPair(
    torch.tensor(COMPARED_TOKENS), torch.tensor([11, 3, 9, 5, 7, 3, 4, 5, 7]), 8, 1
)
"""The prompts of activation patching, which differ in one token; the answers are 8 and 1."""


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
    tokens = torch.tensor([COMPARED_TOKENS])
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
    # effects times the gap are in logits: dividing by a small gap would magnify rounding
    clean, corrupted = record_runs(model, COMPARED_PAIR)
    gap = clean.difference - corrupted.difference
    restored = effects_by_position(model, COMPARED_PAIR) * gap
    numbers["patching: residual"] = restored[:-1]  # TransformerLens ends before the last block
    numbers["patching: heads"] = effects_by_head(model, COMPARED_PAIR) * gap
    return numbers
