"""Measure the plain and the tuned lens, and linear probes, on one small model.

    uv run python packages/gpt/scripts/lenses_and_probes.py --json

800 steps of the model and 300 of the lens, about four minutes on one idle core (CPU; 13 on the busy
machine of the recording); torch 2.15, Python 3.11. Distance from the model's prediction after 0 to
6 blocks, KL in nats per token of held-out text:

    plain lens  10.48  1.45  1.21  0.85  0.58  0.17  0
    tuned lens   0.68  0.45  0.35  0.24  0.15  0.05  0

A model of 6 layers and width 128 is trained on Python's documentation by the package's loop. A
tuned lens then learns to match its predictions on the same text. Both are scored on windows of
held-out text. On the same windows, probes look for three properties after every block; a third of
the windows is held out from the probes.

`chapters/recorded/lenses_and_probes.json` is what it printed, and chapter 15 draws it.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Int, Integer
from torch import Tensor

from gpt.device import pick_device
from gpt.errors import BadInput
from gpt.evaluation.scores import negative_log_likelihoods
from gpt.inside.lens import logit_lens
from gpt.inside.probes import probe_layers
from gpt.inside.tuned_lens import TunedLens, divergence_from_final, tuned_lens, tuned_lens_loss
from gpt.model.gpt import GPT, GPTConfig
from gpt.program import Script
from gpt.recording import measurement_conditions
from gpt.text.documents import documents_sha256, load_documents, split_documents
from gpt.text.token_files import RandomWindows, encode_documents
from gpt.text.tokenizers import BytePairTokenizer, Tokenizer, decode
from gpt.training.accumulation import next_token_loss
from gpt.training.loop import LoopConfig, train

CONTEXT, BATCH_SIZE = 64, 16
PROPERTIES = ("inside parentheses", "inside double quotes", "the next token starts with a space")


@dataclass(frozen=True)
class Config:
    """Measure the plain and the tuned lens, and linear probes, on one small model."""

    data: str = "python"
    """A text file, or `python` for Python's documentation."""
    steps: int = 800
    """Training steps of the model."""
    learning_rate: float = 3e-3
    """Peak learning rate of the model."""
    lens_steps: int = 300
    """Training steps of the tuned lens."""
    lens_learning_rate: float = 3e-3
    """Peak learning rate of the tuned lens."""
    windows: int = 300
    """Held-out windows of 64 tokens, on which lenses and probes are scored."""
    n_layers: int = 6
    """Layers of the model."""
    vocab_size: int = 1024
    """Vocabulary size."""
    device: str = "cpu"
    """Device: auto, cpu, cuda or mps. The model is too small to use more than one core."""
    json: bool = False
    """Print one JSON document instead of a table."""

    def __post_init__(self) -> None:
        """Refuse training without steps, and a split without windows on one side."""
        for name in ("steps", "lens_steps"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.windows < 3:
            raise BadInput(f"windows must be at least 3, got {self.windows}")


def held_out_windows(tokens: Integer[np.ndarray, " N"], n: int) -> Int[Tensor, "B T"]:
    """Return n windows that follow one another, with one token more than the context."""
    length = CONTEXT + 1
    if len(tokens) < n * length:
        raise BadInput(
            f"{n} windows need {n * length} held-out tokens, and the text has {len(tokens)}; "
            "give more text or fewer windows"
        )
    return torch.from_numpy(tokens[: n * length].astype(np.int64)).view(n, length)


def property_labels(
    tokenizer: Tokenizer, windows: Int[Tensor, "B T"]
) -> Int[Tensor, "properties B U"]:
    """Label every position but the last of a window, from what the window holds until there."""
    rows: list[list[list[int]]] = []
    for window in windows.tolist():
        depth, quoted, before, labels = 0, False, "", []
        pieces = [decode(tokenizer, [token]) for token in window]
        for piece, following in pairwise(pieces):
            for character in piece:
                depth = max(depth + (character == "(") - (character == ")"), 0)
                quoted ^= character == '"'
                if character == before == "\n":  # a paragraph ends both
                    depth, quoted = 0, False
                before = character
            labels.append([int(depth > 0), int(quoted), int(following.startswith(" "))])
        rows.append(labels)
    return rearrange(torch.tensor(rows), "B U properties -> properties B U")


def measure(config: Config, device: torch.device) -> dict[str, Any]:
    """Train the model and its lens, and score lenses and probes on held-out text."""
    documents = load_documents(config.data, 50_000_000)
    split = split_documents(documents, share=0.1, seed=0)
    tokenizer = BytePairTokenizer.train(split.train, config.vocab_size)
    tokens, held_out = (encode_documents(tokenizer, part) for part in split)
    windows = held_out_windows(held_out, config.windows)
    texts = windows[:, :-1].to(device)
    torch.manual_seed(0)
    shape = GPTConfig(tokenizer.vocab_size, CONTEXT, config.n_layers, 4, 128, 512)
    model = GPT(shape).to(device)
    batches = RandomWindows(tokens, CONTEXT, BATCH_SIZE, seed=0)

    loop = LoopConfig(config.steps, config.learning_rate)
    for _ in train(model, lambda step: [batches(step).to(device)], next_token_loss, loop):
        pass
    model.eval().requires_grad_(False)
    plain = divergence_from_final(logit_lens(model, texts))

    lens = TunedLens(model)
    lens_batches = RandomWindows(tokens, CONTEXT, BATCH_SIZE, seed=1)
    loop = LoopConfig(config.lens_steps, config.lens_learning_rate, weight_decay=0.0)
    loss = partial(tuned_lens_loss, model)
    for _ in train(lens, lambda step: [lens_batches(step).to(device)], loss, loop):
        pass
    tuned = divergence_from_final(tuned_lens(model, lens, texts))

    n_train, generator = config.windows * 2 // 3, torch.Generator().manual_seed(0)
    labels = property_labels(tokenizer, windows).to(device)
    probes = {
        name: round_scores(probe_layers(model, texts, each, n_train, generator))
        for name, each in zip(PROPERTIES, labels, strict=True)
    }
    nats = negative_log_likelihoods(model, held_out, CONTEXT)
    return {
        "loss": round(float(nats.mean()), 4),
        "plain": [round(each, 4) for each in plain.tolist()],
        "tuned": [round(each, 4) for each in tuned.tolist()],
        "probes": probes,
        "text": documents_sha256(documents),
    }


def round_scores(scores: Any) -> dict[str, Any]:
    """Return probe scores with four digits."""
    return {
        name: [round(each, 4) for each in value] if isinstance(value, list) else round(value, 4)
        for name, value in scores._asdict().items()
    }


def main(config: Config) -> int:
    """Measure, and print the report."""
    device, started = pick_device(config.device), time.perf_counter()
    torch.set_num_threads(1)
    found = measure(config, device)
    if config.json:
        report = {"settings": asdict(config), **found, **measurement_conditions(device, started)}
        print(json.dumps(report, indent=1))
        return 0
    print(f"held-out loss {found['loss']} nats per token")
    print("KL to the last layer after each number of blocks")
    print("plain " + "".join(f"{each:8.3f}" for each in found["plain"]))
    print("tuned " + "".join(f"{each:8.3f}" for each in found["tuned"]))
    for name, scores in found["probes"].items():
        print(f"probe: {name} (most frequent label: {scores['majority']:.3f})")
        print("found " + "".join(f"{each:8.3f}" for each in scores["accuracy"]))
        print("random" + "".join(f"{each:8.3f}" for each in scores["control"]))
    return 0


if __name__ == "__main__":
    sys.exit(Script("lenses_and_probes", Config, main).main())
