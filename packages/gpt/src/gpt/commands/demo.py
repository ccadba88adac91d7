"""`gpt demo`: the whole path in under two minutes, from this Python's documentation to new text."""

import json as json_format
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from gpt.commands.eval import compare_with_ngrams, print_score_table
from gpt.commands.train import create_run, load_text_split, plot_run_losses, train_in_folder
from gpt.commands.train_config import TrainConfig
from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.originality import measure_originality
from gpt.generation.generate import generate
from gpt.generation.sampling import sample_token
from gpt.plots import loss_chart
from gpt.runs.folder import RunFolder, load_model
from gpt.runs.progress import report_message
from gpt.runs.training_run import INTERRUPTED_STATUS
from gpt.text.tokenizers import decode
from gpt.training.recipes import FAST_RECIPE

PROMPT = "The "


@dataclass(frozen=True)
class DemoConfig:
    """Train a small GPT on the documentation inside this Python, and show what it learned."""

    runs: Path = Path("runs")
    """Where run folders lie; this run is `demo` and replaces the one before."""
    steps: int = 600
    """Updates of the weights."""
    tokens: int = 300
    """How much it writes afterwards."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        if self.tokens < 1:
            raise BadInput(f"tokens must be at least 1, got {self.tokens}")


def run(config: DemoConfig) -> int:
    """Read, train, score, write, and say how much of the writing is new."""
    training = TrainConfig(
        loop=replace(FAST_RECIPE.loop, steps=config.steps, save_every=100),
        preset="tiny",
        name="demo",
        runs=config.runs,
        overwrite=True,
    )
    device, folder = pick_device(config.device), RunFolder(config.runs / training.name)
    report_message("reading the documentation inside this Python")
    text = load_text_split(training)
    create_run(folder, training, text)
    if train_in_folder(folder, training, device) == INTERRUPTED_STATUS:
        return INTERRUPTED_STATUS
    model, tokenizer, _ = load_model(folder.path, device)
    report = compare_with_ngrams(model, tokenizer, folder)
    plot_run_losses(folder, report)
    choice = partial(
        sample_token, temperature=0.8, top_p=0.95, generator=torch.Generator(device).manual_seed(0)
    )
    written = PROMPT + decode(
        tokenizer, list(generate(model, tokenizer.encode(PROMPT), config.tokens, choice))
    )
    facts = measure_originality(written, "\n".join(text.train))
    if config.json:
        print(json_format.dumps({**report, "text": written, **asdict(facts)}))
        return 0
    print("Training loss\n" + loss_chart([record["loss"] for record in folder.records()]))
    print_score_table(report)
    print(f"\nWhat it writes after {PROMPT!r}:\n\n{written}\n")
    print(f"{facts.known_words:.0%} of its words occur in the text it was trained on.")
    print(
        f"The longest run copied from there has {len(facts.longest_copy)} of the "
        f"{len(written)} characters: {facts.longest_copy!r}"
    )
    print(f"Loss curve: {folder.path / 'loss.png'}. More: gpt sample --run {folder.path}")
    return 0
