# /// script
# requires-python = ">=3.11"
# dependencies = ["trl==1.12.0", "transformers==5.23.0", "torch>=2.10", "tyro"]
# ///
"""Record four training steps of trl 1.12.0's process reward model; trl 1.16 has none.

    uv run --script packages/reasoning/scripts/prm_fixture.py

It takes under a minute on two busy CPU cores, most of it for installing: the script runs in its own
environment and needs the package index once. It ends with "4 steps written" (Linux, Python 3.11,
torch 2.15, transformers 5.23) to `src/reasoning/comparison/recorded/prm_trl_1.12.json`, which
ordinary tests and `reasoning compare` read without trl. A slow test compares a new recording.

trl's own trainer reads prompts and steps, ends each step with the separator, and puts the step's
label there. The model is a GPT-2 in float64, where transformers casts nothing to float32, with one
output for each of the two labels. Its weights come from a formula.

Recorded for each step: the tokens and labels of the batch as the trainer made them, the loss, the
gradient of every weight, and the weights after the step. Gradients are not clipped.
"""

import json
import math
import os
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch
import tyro
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: TID251 (this script is a baseline)
from torch import Tensor
from transformers import (  # noqa: TID251
    GPT2Config,
    GPT2ForTokenClassification,
    PreTrainedTokenizerFast,
    TrainerCallback,
)
from trl.experimental.prm import (  # noqa: TID251  # pyright: ignore[reportMissingImports]
    PRMConfig,
    PRMTrainer,
)

RECORDED = Path(__file__).parents[1] / "src/reasoning/comparison/recorded/prm_trl_1.12.json"
SEPARATOR, PAD = 8, 9  # of ten tokens
SHAPE = {"vocab_size": 10, "n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_inner": 16}
BATCH_SIZE, N_STEPS = 3, 4
SETTINGS: dict[str, Any] = {
    "per_device_train_batch_size": BATCH_SIZE, "gradient_accumulation_steps": 1,
    "max_steps": N_STEPS, "step_separator": str(SEPARATOR), "max_grad_norm": 0.0,
    "optim": "adamw_torch", "learning_rate": 0.02, "lr_scheduler_type": "constant",
    "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "weight_decay": 0.0,
}  # fmt: skip
QUIET: dict[str, Any] = {
    "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "save_strategy": "no",
    "report_to": "none", "disable_tqdm": True, "logging_steps": 1,
    "train_sampling_strategy": "sequential",
}  # fmt: skip
PROBLEMS: list[tuple[str, list[str], list[bool]]] = [
    ("1 2 3", ["4 5", "6"], [True, False]),
    ("7 0", ["1", "2 2 5", "3"], [True, True, False]),
    ("5", ["0 1 2 3"], [False]),
    ("2 6 4 1", ["7", "7"], [True, True]),
    ("3 3", ["5 0", "1 4", "6 2"], [False, False, False]),
    ("0 7 5", ["2"], [True]),
    ("6", ["4", "3 1"], [True, False]),
    ("1 5 2", ["0 0 7", "5"], [False, True]),
    ("4 4", ["6 3", "2"], [True, True]),
    ("7", ["1 2", "0", "5 6"], [True, False, False]),
    ("0 3 1", ["7 4"], [True]),
    ("2 5", ["6", "0 3", "4 1"], [True, True, True]),
]


@dataclass(frozen=True)
class Config:
    """Record four training steps of trl's process reward model as a JSON file."""

    output: Path = RECORDED
    """JSON file to write."""


def build_model() -> GPT2ForTokenClassification:
    """Weight i of tensor k is 0.5 sin(k + i^2), plus 1 where it is the gain of a norm.

    Tensors are counted by the order of their names.
    """
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    kind: dict[str, Any] = {"num_labels": 2, "attn_implementation": "eager"}
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": PAD}
    config = GPT2Config(**SHAPE, **no_dropout, classifier_dropout=0.0, **special, **kind)
    model = GPT2ForTokenClassification(config)
    for k, (name, tensor) in enumerate(sorted(model.named_parameters())):
        waves = [0.5 * math.sin(k + i * i) for i in range(tensor.numel())]
        tensor.data = torch.tensor(waves).view(tensor.shape)
        if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")):
            tensor.data += 1
    return model


def digit_tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer of ten words, the digits, which are separated by spaces."""
    words = Tokenizer(models.WordLevel({str(i): i for i in range(10)}, unk_token="0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token=str(PAD))


class Recorder(TrainerCallback):
    """Records gradients and weights of every step."""

    def __init__(self) -> None:
        self.gradients: list[dict[str, Tensor]] = []
        self.weights: list[dict[str, Tensor]] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Record the gradients before the update."""
        parameters = rest["model"].named_parameters()
        self.gradients.append({name: tensor.grad.clone() for name, tensor in parameters})

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Record the weights after the update."""
        parameters = rest["model"].named_parameters()
        self.weights.append({name: tensor.detach().clone() for name, tensor in parameters})


def recorded_steps() -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Run the trainer; return its steps, and the weights before the first."""
    model, recorder = build_model(), Recorder()
    before = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    columns = ("prompt", "completions", "labels")
    rows = [dict(zip(columns, problem, strict=True)) for problem in PROBLEMS]
    with tempfile.TemporaryDirectory() as folder:
        trainer = PRMTrainer(
            model=model,
            args=PRMConfig(output_dir=folder, seed=0, **SETTINGS, **QUIET),
            train_dataset=Dataset.from_list(rows),
            processing_class=digit_tokenizer(),
            callbacks=[recorder],
        )
        batches = [
            {name: batch[name] for name in ("input_ids", "labels")}
            for batch in trainer.get_train_dataloader()
        ]
        trainer.train()
    losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    parts = zip(batches, losses, recorder.gradients, recorder.weights, strict=True)
    names = ("loss", "gradients", "weights")
    return [batch | dict(zip(names, rest, strict=True)) for batch, *rest in parts], before


def to_json(value: Any) -> Any:
    """Convert tensors to lists and round numbers to twelve digits."""
    if isinstance(value, dict):
        return {key: to_json(each) for key, each in value.items()}
    if isinstance(value, Tensor):
        return to_json(value.tolist())
    if isinstance(value, list):
        return [to_json(each) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def main(config: Config) -> None:
    """Record the steps and write the file."""
    torch.set_default_dtype(torch.float64)
    with redirect_stdout(sys.stderr):  # the trainer prints
        steps, before = recorded_steps()
    content = {
        "versions": {name: version(name) for name in ("trl", "transformers", "torch")},
        "model": SHAPE | {"separator": SEPARATOR, "pad": PAD},
        "settings": SETTINGS,
        "weights_before": to_json(before),
        "steps": to_json(steps),
    }
    config.output.parent.mkdir(parents=True, exist_ok=True)
    config.output.write_text(json.dumps(content) + "\n", encoding="utf-8")
    print(f"{len(steps)} steps written to {config.output}")


if __name__ == "__main__":
    main(tyro.cli(Config))
