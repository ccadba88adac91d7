"""Scores of a run's model and of n-gram models, on the same split and the same tokens."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpt.evaluation.ngram import kneser_ney
from gpt.evaluation.scores import compute_scores, negative_log_likelihoods
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder, load_model
from gpt.text.tokenizers import Tokenizer

ORDERS = {"unigram": 1, "bigram": 2, "trigram": 3}


def evaluate_run(folder: RunFolder, device: torch.device) -> dict[str, Any]:
    """Score a run: its folder, the step of its best checkpoint, and the scores of each model."""
    model, tokenizer, checkpoint = load_model(folder.path, device)
    report = compare_with_ngrams(model, tokenizer, folder)
    return {"run": str(folder.path), "step": checkpoint.values["step"], **report}


def compare_with_ngrams(model: GPT, tokenizer: Tokenizer, folder: RunFolder) -> dict[str, Any]:
    """Return loss, perplexity and bits per byte of each model, and how much text was scored."""
    train, validation = folder.load_token_streams(tokenizer.vocab_size)
    # the first token is not scored, and END_OF_TEXT spells nothing
    text = [int(token) for token in validation[1:] if token != tokenizer.end_of_text]
    n_bytes = len(tokenizer.decode_bytes(text))
    nats = {"gpt": negative_log_likelihoods(model, validation, model.config.context)}
    for name, order in ORDERS.items():
        nats[name] = -np.log(kneser_ney(train, validation, order, tokenizer.vocab_size))
    models = {name: asdict(compute_scores(each, n_bytes)) for name, each in nats.items()}
    return {"tokens": len(validation) - 1, "bytes": n_bytes, "models": models}


def print_evaluation(report: dict[str, Any], as_json: bool = False) -> None:
    """Print a report as one JSON document or as a table, the GPT last."""
    if as_json:
        print(json.dumps(report))
        return
    title = f"Validation text: {report['tokens']:,} tokens, {report['bytes']:,} bytes"
    table = Table("model", title=title, title_justify="left")
    for heading in ("loss (nats per token)", "perplexity", "bits per byte"):
        table.add_column(heading, justify="right")
    for name in (*ORDERS, "gpt"):
        each = report["models"][name]
        table.add_row(
            name, f"{each['loss']:.3f}", f"{each['perplexity']:.1f}", f"{each['bits_per_byte']:.3f}"
        )
    console = Console(highlight=False)
    with console.capture() as text:
        console.print(table)
    print(text.get(), end="")  # rich itself would end the program where nobody reads its output
