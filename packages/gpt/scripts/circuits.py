"""Trace an answer of SmolLM2 to its heads, and find its induction heads: `circuits`.

    uv run python packages/gpt/scripts/circuits.py --json

One busy core (CPU), 6.2 minutes; torch 2.15, Python 3.11. Head 3 of layer 23 has the largest effect
in all three maps: denoising 0.58, noising 0.61, ablation 3.04 nats. Without its 8 induction heads,
the loss on repeated tokens is 12.63 nats instead of 3.83; without random heads 4.43 to 4.76.
`chapters/recorded/circuits.json` is what it printed, and chapter 16 draws it.

The answer: two prompts differ in one name, and every head and every position of the residual stream
is patched from one run into the other, in both directions. Then every head is ablated on its own,
so that both ways to ask what matters can be compared.

The induction heads: heads are scored on random tokens that are written twice, and those with the
highest scores are ablated, as many random heads of the same layers for comparison.
"""

import json
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import mean
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.evaluation.scores import cross_entropy_per_token
from gpt.inside.ablation import Head, ablated
from gpt.inside.head_types import head_scores, repeated_tokens
from gpt.inside.patching import (
    denoising_effects,
    effects_by_head,
    effects_by_position,
    noising_effects,
)
from gpt.inside.prompt_pairs import logit_difference, prompt_pair
from gpt.model.gpt import GPT
from gpt.pretrained.loading import PretrainedModel, load_pretrained
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.text.tokenizers import decode


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    model: str = "smollm2"
    """Name or folder of the model."""
    clean: str = "When Mary and John went to the store, John gave a drink to"
    """The prompt with the right answer."""
    corrupted: str = "When Mary and John went to the store, Mary gave a drink to"
    """A prompt of as many tokens with another answer."""
    answer: str = " Mary"
    """One token: the answer to the clean prompt."""
    wrong_answer: str = " John"
    """One token: the answer to the corrupted prompt."""
    texts: int = 8
    """Rows of random tokens for the induction heads."""
    period: int = 25
    """Tokens of a row before they are repeated."""
    top: int = 8
    """Induction heads to ablate together."""
    controls: int = 5
    """Sets of random heads to ablate instead, for comparison."""
    json: bool = False
    """Print one JSON document instead of a summary."""

    def __post_init__(self) -> None:
        """Refuse measurements of nothing."""
        for name in ("texts", "period", "top", "controls"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def rounded(table: Tensor) -> list[Any]:
    """Return a tensor as lists of numbers with four decimals."""
    return [rounded(row) if row.ndim else round(float(row), 4) for row in table]


def trace_answer(loaded: PretrainedModel, config: Config) -> dict[str, Any]:
    """Patch every position and head, and ablate every head."""
    model, tokenizer = loaded
    texts = (config.clean, config.corrupted, config.answer, config.wrong_answer)
    pair = prompt_pair(tokenizer, *texts)
    logits = [last_logits(model, tokens) for tokens in (pair.clean, pair.corrupted)]
    ablations = []
    for layer in range(len(model.blocks)):
        row = []
        for head in range(model.config.n_heads):
            with ablated(model, [Head(layer, head)]):
                row.append(last_logits(model, pair.clean))
        ablations.append(logit_difference(torch.stack(row), pair))
    return {
        "clean": config.clean,
        "corrupted": config.corrupted,
        "tokens": [decode(tokenizer, [token]) for token in pair.clean.tolist()],
        "logit_differences": rounded(logit_difference(torch.stack(logits), pair)),
        "residual": rounded(effects_by_position(model, pair)),
        "denoising": rounded(effects_by_head(model, pair, denoising_effects)),
        "noising": rounded(effects_by_head(model, pair, noising_effects)),
        "ablated": rounded(torch.stack(ablations)),
    }


@torch.no_grad()
def last_logits(model: GPT, tokens: Int[Tensor, " T"]) -> Float[Tensor, " V"]:
    """Return the logits of the token that follows."""
    return model(tokens[None])[0, -1]


def find_induction_heads(model: GPT, config: Config) -> dict[str, Any]:
    """Score all heads on repeated random tokens, and measure the loss without the best of them."""
    generator = torch.Generator().manual_seed(0)
    tokens = repeated_tokens(model.config.vocab_size, config.period, config.texts, generator)
    scores = head_scores(model, tokens)
    found = [head for head, _ in scores.highest("induction", config.top)]
    return {
        "scores": rounded(scores.scores["induction"]),
        "found": found,
        "loss": repeat_losses(model, tokens, []),
        "without_found": repeat_losses(model, tokens, found),
        "without_random": [
            repeat_losses(model, tokens, random_heads(model, found, generator))
            for _ in range(config.controls)
        ],
    }


def random_heads(model: GPT, heads: list[Head], generator: torch.Generator) -> list[Head]:
    """Draw other heads, of the same layers as often."""
    chosen: list[Head] = []
    for head in heads:
        free = [Head(head.layer, n) for n in range(model.config.n_heads)]
        free = [each for each in free if each not in heads and each not in chosen]
        if not free:
            raise BadInput(f"layer {head.layer} has no other heads to ablate; give a smaller top")
        chosen.append(free[int(torch.randint(len(free), (), generator=generator))])
    return chosen


@torch.no_grad()
def repeat_losses(model: GPT, tokens: Int[Tensor, "B T"], heads: list[Head]) -> tuple[float, float]:
    """Return the mean loss in the first half of the tokens, and where they are repeated."""
    with ablated(model, heads) if heads else nullcontext():
        losses = cross_entropy_per_token(model(tokens[:, :-1]), tokens[:, 1:])
    half = tokens.shape[1] // 2
    # the first repeated token cannot be predicted; losses[:, half] is of the second
    first, second = losses[:, : half - 1].mean(), losses[:, half:].mean()
    return round(float(first), 4), round(float(second), 4)


def report(found: dict[str, Any]) -> None:
    """Print what was found, in a few lines."""
    for name in ("denoising", "noising"):
        table = torch.tensor(found["answer"][name])
        layer, head = divmod(int(table.argmax()), table.shape[1])
        print(f"{name}: the largest effect, {table.max():.2f}, is of layer {layer}, head {head}")
    induction = found["induction"]
    random = mean(second for _, second in induction["without_random"])
    print(f"induction heads (layer, head): {[tuple(each) for each in induction['found']]}")
    print(
        f"loss on repeated tokens: {induction['loss'][1]:.2f}, without these heads "
        f"{induction['without_found'][1]:.2f}, without random heads {random:.2f}"
    )


def main(config: Config) -> int:
    """Measure, and print the report."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    loaded = load_pretrained(config.model)
    found = {
        "answer": trace_answer(loaded, config),
        "induction": find_induction_heads(loaded.model, config),
        **measurement_conditions(torch.device("cpu"), started),
    }
    if config.json:
        print(json.dumps(found))
    else:
        report(found)
    return 0


if __name__ == "__main__":
    sys.exit(Script("circuits", Config, main).main())
