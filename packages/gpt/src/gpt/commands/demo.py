"""`gpt demo`: read text, train, score and generate, in under two minutes."""

import json as json_format
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from gpt.errors import BadInput
from gpt.evaluation.originality import measure_originality
from gpt.evaluation.scores import compare_with_ngrams, print_evaluation
from gpt.generation.generate import generate
from gpt.generation.sampling import sample_token
from gpt.plots import loss_chart, save_loss_plot
from gpt.pretraining import TrainConfig, create_run, load_text, pretrain
from gpt.runs.folder import load_model
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import decode
from gpt.training.recipes import FAST_RECIPE

PROMPT = "The "


@dataclass(frozen=True)
class DemoConfig:
    """Train a small GPT on the documentation inside this Python, and show what it learned."""

    runs: Path = Path("runs")
    """Folder that holds all runs. The run `demo` in it is replaced."""
    steps: int = 900
    """Training steps. More steps learn more and take longer."""
    max_new_tokens: int = 300
    """Largest number of tokens to generate after training."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    json: bool = False
    """Print one JSON document instead of a report."""


def run(config: DemoConfig) -> int:
    """Train a GPT, score it, generate text, and report how much of the text is new."""
    if config.max_new_tokens < 1:
        raise BadInput(f"max_new_tokens must be at least 1, got {config.max_new_tokens}")
    options = TrainConfig(
        # a validation takes as long as 17 steps, so there are few
        loop=replace(FAST_RECIPE.loop, steps=config.steps, save_every=300),
        preset="tiny",
        name="demo",
        runs=config.runs,
        overwrite=True,
        device=config.device,
    )
    report_message("reading the documentation inside this Python")
    text = load_text(options)
    with TrainingRun(options) as run:
        with run.setup():
            create_run(run.folder, options, text)
        pretrain(run, options)
    if not run.is_finished:
        return run.status
    model, tokenizer, _ = load_model(run.folder.path, run.device)
    report = compare_with_ngrams(model, tokenizer, run.folder)
    save_loss_plot(run.folder.path / "loss.png", run.folder.read_log(), report["models"])
    generator = torch.Generator(run.device).manual_seed(0)
    sampler = partial(sample_token, temperature=0.8, top_p=0.95, generator=generator)
    tokens = generate(model, tokenizer.encode(PROMPT), config.max_new_tokens, sampler)
    generated = PROMPT + decode(tokenizer, list(tokens))
    originality = measure_originality(generated, "\n".join(text.train))
    if config.json:
        print(json_format.dumps({**report, "text": generated, **asdict(originality)}))
        return 0
    print("Training loss\n" + loss_chart([record["loss"] for record in run.folder.read_log()]))
    print_evaluation(report)
    print(f"\nGenerated after {PROMPT!r}:\n\n{generated}\n")
    print(f"{originality.known_words:.0%} of its words occur in the training text.")
    print(
        f"The longest passage copied from there has {len(originality.longest_copy)} of its "
        f"{len(generated)} characters: {originality.longest_copy!r}"
    )
    path = run.folder.path
    print(f"Loss curve: {path / 'loss.png'}. To generate more: gpt sample --run {path}")
    return 0
