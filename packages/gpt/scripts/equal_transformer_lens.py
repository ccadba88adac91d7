# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "insideout-gpt",
#     "torch==2.15.0",
#     "transformer-lens==4.3.0",
#     "transformers==5.23.0",
# ]
#
# [tool.uv.sources]
# insideout-gpt = { path = "..", editable = true }
# ///
"""Compare lens, attribution, head scores and patching with TransformerLens 4.3.0.

    uv run --script packages/gpt/scripts/equal_transformer_lens.py

It takes two minutes on two busy CPU cores, most of it for installing: the script runs in its own
environment and needs the package index once. It prints the largest difference of each kind of
number, ends with status 1 if one is above 1e-5, and writes the numbers of TransformerLens to
`chapters/recorded/transformer_lens.json`, with which ordinary tests compare ours.

Both libraries get the same weights, by way of a folder in the layout of transformers. For the lens
the model is as loaded. For attributions TransformerLens must have the gain of the final norm in
the head (`fold_ln`), which changes no output; its other changes of the weights are switched off.
"""

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import Tensor
from transformer_lens.head_detector import (  # pyright: ignore[reportMissingImports]
    detect_head,
)
from transformer_lens.model_bridge import (  # pyright: ignore[reportMissingImports]
    TransformerBridge,
)
from transformer_lens.patching import (  # pyright: ignore[reportMissingImports]
    get_act_patch_attn_head_out_all_pos,
    get_act_patch_resid_pre,
)
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: TID251

from gpt.comparison.inside_numbers import (
    COMPARED_MODELS,
    COMPARED_PAIR,
    COMPARED_TOKENS,
    formula_model,
    inside_numbers,
)
from gpt.inside.prompt_pairs import logit_difference
from gpt.model.gpt import GPT
from gpt.pretrained.export import write_pretrained
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.text.tokenizers import WordLevelTokenizer

RECORDED = Path(__file__).parents[1] / "chapters/recorded/transformer_lens.json"
TOLERANCE = 1e-5
WORDS = [*"0123456789", "a"]  # TransformerLens tries the text 'a'; the twelfth id ends a text


@dataclass(frozen=True)
class Config:
    """Compare with TransformerLens, and record its numbers."""

    output: Path = RECORDED
    """JSON file to write."""


def boot(folder: str) -> Any:
    """Open the folder in TransformerLens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    return TransformerBridge.boot_transformers(
        folder, hf_model=model, tokenizer=tokenizer, device="cpu"
    )


@torch.no_grad()
def numbers_of_transformer_lens(model: GPT) -> dict[str, Tensor]:
    """Compute in TransformerLens what `inside_numbers` computes in this package."""
    tokens = torch.tensor([COMPARED_TOKENS])
    with tempfile.TemporaryDirectory() as folder:
        write_pretrained(Path(folder), model, WordLevelTokenizer(WORDS))
        bridge, folded = boot(folder), boot(folder)
    folded.enable_compatibility_mode(
        center_writing_weights=False, center_unembed=False, fold_value_biases=False
    )
    _, cache = bridge.run_with_cache(tokens)
    numbers = {"logit lens": (cache.accumulated_resid(apply_ln=True) @ bridge.W_U)[:, 0]}

    _, folded_cache = folded.run_with_cache(tokens)
    stack, labels = folded_cache.get_full_resid_decomposition(
        expand_neurons=False, return_labels=True
    )
    parts = folded_cache.logit_attrs(stack, tokens.roll(-1, dims=1))[:, 0]
    by_label = dict(zip(labels, parts, strict=True))
    layers, heads = range(model.config.n_layers), range(model.config.n_heads)
    absent = torch.zeros(len(COMPARED_TOKENS))
    numbers |= {
        "attribution: embedding": by_label["embed"],
        "attribution: positions": by_label.get("pos_embed", absent),
        "attribution: heads": torch.stack(
            [torch.stack([by_label[f"L{layer}H{head}"] for head in heads]) for layer in layers]
        ),
        "attribution: MLPs": torch.stack([by_label[f"{layer}_mlp_out"] for layer in layers]),
        "attribution: biases": by_label.get("bias", absent),
    }

    text = " ".join(str(token) for token in COMPARED_TOKENS[1:])
    assert bridge.to_tokens(text).tolist() == [COMPARED_TOKENS]
    for kind in ("previous token", "duplicate token", "induction"):
        scores = detect_head(bridge, text, f"{kind.replace(' ', '_')}_head")
        numbers[f"head scores: {kind}"] = scores

    corrupted = COMPARED_PAIR.corrupted[None]
    unpatched = logit_difference(bridge(corrupted)[0, -1], COMPARED_PAIR)

    def restored(logits: Tensor) -> Tensor:
        return logit_difference(logits[0, -1], COMPARED_PAIR) - unpatched

    numbers["patching: residual"] = get_act_patch_resid_pre(bridge, corrupted, cache, restored)
    numbers["patching: heads"] = get_act_patch_attn_head_out_all_pos(
        bridge, corrupted, cache, restored
    )
    return numbers


def main(config: Config) -> int:
    """Compare, print a table, and write the recording."""
    started = time.perf_counter()
    recorded, largest = {}, 0.0
    print(f"{'model':8}{'numbers':30}{'how many':>9}{'largest difference':>20}")
    for name, shape in COMPARED_MODELS.items():
        model = formula_model(shape)
        ours, theirs = inside_numbers(model), numbers_of_transformer_lens(model)
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert value.shape == ours[key].shape, (key, value.shape, ours[key].shape)
            difference = float((value - ours[key]).abs().max())
            largest = max(largest, difference)
            print(f"{name:8}{key:30}{value.numel():9}{difference:20.1e}")
        recorded[name] = {key: value.tolist() for key, value in theirs.items()}
    versions = {name: version(name) for name in ("transformer-lens", "transformers")}
    conditions = measurement_conditions(torch.device("cpu"), started)
    report = {"models": recorded, "largest difference": largest, **versions, **conditions}
    config.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(largest > TOLERANCE)


if __name__ == "__main__":
    sys.exit(Script("equal_transformer_lens", Config, main).main())
