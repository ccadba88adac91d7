"""Measuring what quantisation gains and costs: the size, loss and speed of models."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from gpt.evaluation.scores import negative_log_likelihoods
from gpt.generation.generate import generate
from gpt.generation.sampling import greedy_token
from gpt.model.gpt import GPT
from gpt.quantisation.linear import stored_bytes


@dataclass(frozen=True)
class QuantisationReport:
    """Measurements of one model."""

    megabytes: float
    """Size of all weights, in units of 10^6 bytes."""
    loss: float
    """Nats per token of the text."""
    tokens_per_second: float
    """Speed of greedy decoding at batch 1, including the time to read the prompt."""


def measure_quantisation(
    models: dict[str, GPT],
    text: Integer[np.ndarray, " N"],
    prompt: list[int],
    context: int = 256,
    n_tokens: int = 24,
    repeats: int = 3,
) -> dict[str, QuantisationReport]:
    """Measure all models on the same text and prompt.

    The runs of the models are interleaved, so that other load on the machine slows all of them; the
    fastest run of each counts.
    """
    seconds = dict.fromkeys(models, float("inf"))
    for _ in range(repeats):
        for name, model in models.items():
            started = time.perf_counter()
            list(generate(model, prompt, n_tokens, greedy_token))
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return {
        name: QuantisationReport(
            stored_bytes(model) / 1e6,
            float(negative_log_likelihoods(model, text, context).mean()),
            n_tokens / seconds[name],
        )
        for name, model in models.items()
    }
