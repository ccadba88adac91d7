r"""Scores of a model on text it has not seen: the same number in three units.

loss = mean of -ln p(token | tokens before it), in nats per token; perplexity = e^loss, the number
of equally likely tokens that would give this loss; bits per byte = total nats / ln 2 / bytes of
text. Only bits per byte can compare models with different tokenizers.

A loss says little alone, so a report has the n-gram models of `ngram`, scored on the same tokens.
"""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int, Integer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from gpt.evaluation.ngram import kneser_ney
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder, load_model
from gpt.text.tokenizers import Tokenizer
from gpt.training.diagnosis import diagnose

ORDERS = {"unigram": 1, "bigram": 2, "trigram": 3}


@dataclass(frozen=True)
class Scores:
    """Scores of a model on a stream of tokens."""

    loss: float
    """Nats per token."""
    perplexity: float
    """e^loss."""
    bits_per_byte: float
    """Bits per byte of text, which do not depend on the tokenizer."""


def compute_scores(nats: Float[np.ndarray, " N"], n_bytes: int) -> Scores:
    """Compute the scores from the loss per token in nats and the bytes that the tokens spell."""
    loss = float(nats.mean())
    with np.errstate(over="ignore"):  # the loss of a diverged model may overflow
        perplexity = float(np.exp(loss))
    bits = float(nats.sum()) / math.log(2)
    return Scores(loss=loss, perplexity=perplexity, bits_per_byte=bits / n_bytes)


@torch.no_grad()
def negative_log_likelihoods(
    model: nn.Module, tokens: Integer[np.ndarray, " N"], context: int, batch_size: int = 32
) -> Float[np.ndarray, " M"]:
    """Return -ln p of every token except the first, each scored once.

    The stream is cut into windows, so that the first tokens of a window have little context. The
    loss is slightly higher than with a sliding window, but much cheaper to compute.
    """
    device = next(model.parameters()).device
    stream = torch.from_numpy(tokens.astype(np.int64))
    n_full = (len(stream) - 1) // context * context  # tokens in full windows; the rest is short
    windows = stream[:n_full].view(-1, context), stream[1 : n_full + 1].view(-1, context)
    batches = [*zip(*(each.split(batch_size) for each in windows), strict=True)] if n_full else []
    if n_full < len(stream) - 1:
        batches.append((stream[None, n_full:-1], stream[None, n_full + 1 :]))
    was_training = model.training
    model.eval()
    losses = [cross_entropy_per_token(model(x.to(device)), y.to(device)).cpu() for x, y in batches]
    model.train(was_training)
    return torch.cat([each.flatten() for each in losses]).double().numpy()


def cross_entropy_per_token(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"]
) -> Float[Tensor, "B T"]:
    """Return the cross-entropy of each token, -ln softmax(logits)[target], in fp32."""
    rows = rearrange(logits, "B T V -> (B T) V").float()
    losses = F.cross_entropy(rows, rearrange(targets, "B T -> (B T)"), reduction="none")
    return rearrange(losses, "(B T) -> B T", B=len(targets))


def evaluate_run(folder: RunFolder, device: torch.device) -> dict[str, Any]:
    """Score a run: its folder, the step of its best checkpoint, the scores, and a diagnosis."""
    model, tokenizer, checkpoint = load_model(folder.path, device)
    report = compare_with_ngrams(model, tokenizer, folder)
    report = {"run": str(folder.path), "step": checkpoint.values["step"], **report}
    if records := folder.read_log():
        losses = {name: scores["loss"] for name, scores in report["models"].items()}
        found = diagnose(records, losses["unigram"], losses["bigram"])
        report["diagnosis"] = found._asdict()
    return report


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
    if "diagnosis" in report:
        print("{verdict}: {reason}".format(**report["diagnosis"]))
