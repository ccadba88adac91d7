"""Rows of self-consistency: 64 samples of one prompt by us and by transformers.

Both sides have the weights of the model of the package, sample at temperature 1 with the same seed,
and go on after the end of the text, so that every sample has the same number of tokens.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch

from gpt.comparison.rows import ComparisonRow, Seconds, count_unequal, time_interleaved
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER

N_COMPARED_SAMPLES = 64
N_TOKENS = 96
"""Tokens per sample: as long as a trace of three or four attempts."""
CALLS_FLOOR, BATCH_FLOOR = 5.0, 1.5
SAMPLER = partial(sample_token, temperature=1.0)  # draws from the global generator
SEED = 0
LIBRARY_SAMPLING: dict[str, Any] = {"do_sample": True, "temperature": 1.0, "top_k": 0}

SampleFunction = Callable[[int, int], list[list[int]]]
"""Takes a number of samples and of tokens, and returns the samples."""
SampleTexts = Callable[[], list[list[int]]]


class SampledModels(NamedTuple):
    """The model of the package on both sides, and a prompt."""

    ours: GPT
    library: Any
    prompt: list[int]

    def our_samples(self, n_samples: int, n_tokens: int) -> list[list[int]]:
        """Sample with our cached generator, which reads the prompt once."""
        return generate_batch(self.ours, [self.prompt] * n_samples, n_tokens, SAMPLER)

    def library_samples(self, n_samples: int, n_tokens: int) -> list[list[int]]:
        """Sample with one call of transformers' `generate`."""
        from gpt.baselines import generate_new_tokens

        many = LIBRARY_SAMPLING | {"num_return_sequences": n_samples}
        return generate_new_tokens(self.library, [self.prompt], n_tokens, **many)


def sampled_models() -> SampledModels:
    """Load the model of the package, and copy its weights to transformers."""
    from gpt.baselines import to_library_model

    ours = load_start_model().model
    prompt = TOKENIZER.encode(countdown_prompt(Puzzle((4, 5, 7, 9), 24)))
    return SampledModels(ours, to_library_model(ours), prompt)


def sampling_rows(timed: bool) -> list[ComparisonRow]:
    """Compare with one call for all samples, and with one call per sample."""
    models = sampled_models()
    return [batched_row(models, timed), calls_row(models, timed)]


def batched_row(models: SampledModels, timed: bool) -> ComparisonRow:
    """Compare with one call that returns all samples."""
    ours, theirs = (
        partial(sample, N_COMPARED_SAMPLES, N_TOKENS)
        for sample in (models.our_samples, models.library_samples)
    )
    row = sampling_row("one call with num_return_sequences", ours, theirs)
    if not timed:
        return row
    return replace_times(row, time_interleaved(ours, theirs, repeats=7, warmups=0), BATCH_FLOOR)


def calls_row(models: SampledModels, timed: bool) -> ComparisonRow:
    """Compare with a call per sample. Equality is that of four samples that we draw singly too."""
    ours, theirs = (
        partial(sample_singly, sample) for sample in (models.our_samples, models.library_samples)
    )
    row = sampling_row(f"{N_COMPARED_SAMPLES} calls", partial(ours, 4), partial(theirs, 4))
    if not timed:
        return row
    at_once = partial(models.our_samples, N_COMPARED_SAMPLES, N_TOKENS)
    seconds = time_interleaved(at_once, partial(theirs, N_COMPARED_SAMPLES), repeats=3, warmups=0)
    return replace_times(row, seconds, CALLS_FLOOR)


def sample_singly(sample: SampleFunction, n_samples: int) -> list[list[int]]:
    """Draw samples one after the other."""
    return [sample(1, N_TOKENS)[0] for _ in range(n_samples)]


def sampling_row(how: str, ours: SampleTexts, theirs: SampleTexts) -> ComparisonRow:
    """Count the tokens that differ; both sides draw with the same seed."""
    from gpt.baselines import library_version

    texts = []
    for side in (ours, theirs):
        torch.manual_seed(SEED)
        texts.append(side())
    wrong = sum(count_unequal(a, b) for a, b in zip(*texts, strict=True))
    name = f"{N_COMPARED_SAMPLES} samples of one prompt, {N_TOKENS} tokens each, against {how}"
    return ComparisonRow(name, library_version("transformers"), wrong, 0.0)


def replace_times(row: ComparisonRow, seconds: Seconds, floor: float) -> ComparisonRow:
    """Return the row with times and a required speedup."""
    return replace(row, ours_s=seconds.ours, library_s=seconds.library, floor=floor)
