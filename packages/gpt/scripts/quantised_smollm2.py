"""Size, loss and speed of SmolLM2 with fewer bits per weight, and per number of the cache.

    uv run python packages/gpt/scripts/quantised_smollm2.py --json

One thread of an AMD EPYC (AVX-512), one minute; torch 2.15, Python 3.11.

                    MB    loss  times as fast
    fp32           538   2.852           1.0
    int8 per row   220   2.854           1.6
    int4 per row   167   3.481           0.5   torch has no kernel for it
    int4 per 64    173   3.266           2.5
    int4 per 32    180   3.140           2.5
    int8 cache           2.851                 11.9 kB per token instead of 46.1

Every model reads the same part of the documentation inside Python and continues the same prompt,
in turns. The weights come from a file with 4 bits per weight and group of 32 (Q4_1, with offsets),
so a loss after quantisation here is that of rounding a second time.
`chapters/recorded/quantised_smollm2.json` is what it printed, and chapter 13 reads it.
"""

import copy
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer

from gpt.errors import BadInput
from gpt.evaluation.scores import cross_entropy_per_token
from gpt.model.gpt import GPT
from gpt.pretrained.loading import load_pretrained
from gpt.program import Script
from gpt.quantisation.cache import quantise_cache, stored_cache_bytes
from gpt.quantisation.fast_linear import use_fast_products
from gpt.quantisation.linear import quantise_model
from gpt.quantisation.report import measure_quantisation
from gpt.recording import measurement_conditions
from gpt.text.corpus import reference_topics

SETTINGS: dict[str, tuple[int, int | None]] = {
    "int8 per row": (8, None),
    "int4 per row": (4, None),
    "int4 per 64": (4, 64),
    "int4 per 32": (4, 32),
}
"""Bits and group size by name."""
PROMPT = "The capital of France is"
CONTEXT = 256


@dataclass(frozen=True)
class Config:
    """Options of the script."""

    n_tokens: int = 1024
    """Tokens of text to score."""
    n_new_tokens: int = 24
    """Tokens to generate in a timed run."""
    repeats: int = 3
    """Timed runs of each model; the fastest counts."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse an experiment without text or runs."""
        for name in ("n_tokens", "n_new_tokens", "repeats"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


@torch.no_grad()
def loss_with_cache(model: GPT, text: Integer[np.ndarray, " N"]) -> float:
    """Return the loss of windows whose attention reads the keys and values from a cache."""
    stream, losses = torch.from_numpy(text.astype(np.int64))[None], []
    for begin in range(0, stream.shape[1] - 1, CONTEXT):
        targets = stream[:, begin + 1 : begin + CONTEXT + 1]
        tokens = stream[:, begin : begin + targets.shape[1]]
        logits = model(tokens, cache=model.cache(1, CONTEXT))
        losses.append(cross_entropy_per_token(logits, targets)[0])
    return torch.cat(losses).mean().item()


def main(config: Config) -> int:
    """Measure, and print the report."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    model, tokenizer = load_pretrained("smollm2")
    topics = iter(reference_topics())
    tokens: list[int] = []
    while len(tokens) <= config.n_tokens:
        tokens += tokenizer.encode(next(topics))
    text = np.array(tokens[: config.n_tokens + 1])
    models = {"fp32": model}
    for name, (bits, group) in SETTINGS.items():
        models[name] = use_fast_products(quantise_model(copy.deepcopy(model), bits, group))
    prompt = tokenizer.encode(PROMPT)
    reports = measure_quantisation(
        models, text, prompt, CONTEXT, config.n_new_tokens, config.repeats
    )
    caches: dict[str, Any] = {}
    for name in ("fp32", "int8"):
        kilobytes = stored_cache_bytes(model.cache(1, CONTEXT)) / CONTEXT / 1000
        caches[name] = {"kilobytes_per_token": kilobytes, "loss": loss_with_cache(model, text)}
        quantise_cache(model)
    found = {
        "models": {name: asdict(report) for name, report in reports.items()},
        "caches": caches,
        "tokens": config.n_tokens,
        **measurement_conditions(torch.device("cpu"), started),
    }
    if config.json:
        print(json.dumps(found, indent=1))
    else:
        for name, each in found["models"].items():
            print(
                f"{name:12} {each['megabytes']:6.1f} MB  loss {each['loss']:.3f}  "
                f"{each['tokens_per_second']:.1f} tokens/s"
            )
        for name, each in caches.items():
            print(
                f"cache {name:6} {each['kilobytes_per_token']:.1f} kB per token, "
                f"loss {each['loss']:.4f}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(Script("quantised_smollm2", Config, main).main())
