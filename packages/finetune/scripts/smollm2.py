"""Teach a real model to answer in the style of the documentation: `smollm2`.

    uv run python packages/finetune/scripts/smollm2.py --json > smollm2.json

Train SmolLM2-135M-Instruct with LoRA: supervised fine-tuning on questions about Python's library,
then DPO on documented against corrupted answers. Both commands run as a reader would type them, and
the time covers loading, training, and the answers before and after.

It took 19 minutes on two threads (torch 2.15, CPU). The share of held-out questions whose answer
ends by itself rose from 0.01 to 0.99.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from finetune.assistant.answering import generate_answers, question_items
from finetune.assistant.assistant import load_assistant
from finetune.datasets.tasks import question_task
from gpt.device import pick_device
from gpt.errors import BadInput, RunFailed
from gpt.program import Script
from gpt.recording import describe_environment
from gpt.runs.folder import RunFolder


@dataclass(frozen=True)
class Config:
    """Fine-tune a model, then train it with DPO, and show its answers before and after."""

    runs: Path = Path("runs")
    """Folder for the runs `smol` and `smol-dpo`; existing ones are replaced."""
    model: str = "smollm2"
    """Model to start from."""
    sft_steps: int = 80
    """Training steps of supervised fine-tuning, 16 rows each."""
    dpo_steps: int = 30
    """Training steps of DPO, 8 pairs each."""
    n_samples: int = 10
    """Held-out questions whose answers are reported, evenly spaced among all."""
    json: bool = False
    """Print one JSON document instead of the answers."""

    def __post_init__(self) -> None:
        """Check that at least one answer is reported."""
        if self.n_samples < 1:
            raise BadInput(f"n_samples must be at least 1, got {self.n_samples}")


def stage_commands(config: Config) -> dict[str, list[str]]:
    """Command lines of the two stages."""
    runs = str(config.runs)
    shared = ["--runs", runs, "--save-every", "1000", "--overwrite", "--json"]
    sft = ["--model", config.model, "--name", "smol", "--steps", str(config.sft_steps)]
    dpo = ["--model", f"{runs}/smol", "--name", "smol-dpo", "--steps", str(config.dpo_steps)]
    return {
        "smol": ["finetune", "sft", *sft, "--learning-rate", "3e-4", *shared],
        "smol-dpo": ["finetune", "dpo", *dpo, "--batch-size", "8", *shared],
    }


def run_stage(name: str, command: list[str], config: Config) -> dict[str, Any]:
    """Run a command; return its seconds, the losses of its log and its report."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RunFailed(f"{' '.join(command)} ended with status {done.returncode}")
    records = list(RunFolder(config.runs / name).read_log())
    report = json.loads(done.stdout)
    return {
        "command": " ".join(command),
        "seconds": round(time.perf_counter() - began),
        "losses": [round(each["loss"], 4) for each in records],
        "validation": [each["validation"] for each in records if each["validation"] is not None],
        "report": {each: report[each] for each in ("models", "wins")},
    }


def sample_answers(config: Config) -> list[dict[str, Any]]:
    """Answer held-out questions with the models before and after each stage."""
    held_out = question_task().held_out
    numbers = [len(held_out) * n // config.n_samples for n in range(config.n_samples)]
    items = question_items([held_out[number] for number in numbers])
    models = {"before": config.model} | {
        name: str(config.runs / name) for name in stage_commands(config)
    }
    texts = [item.messages for item in items]
    answers = {
        name: generate_answers(load_assistant(model), texts) for name, model in models.items()
    }
    return [
        {"number": number, "asked": held_out[number].question, "reference": held_out[number].answer}
        | {name: each[place].text for name, each in answers.items()}
        for place, number in enumerate(numbers)
    ]


def main(config: Config) -> int:
    """Run both stages, sample answers of all three models, print the report."""
    stages = {name: run_stage(name, each, config) for name, each in stage_commands(config).items()}
    found = {
        "stages": stages,
        "samples": sample_answers(config),
        "seconds": sum(each["seconds"] for each in stages.values()),
        "threads": torch.get_num_threads(),
        **describe_environment(pick_device("auto")),
    }
    if config.json:
        print(json.dumps(found, indent=1))
        return 0
    for each in found["samples"]:
        print("\n".join(f"{name:>10}  {text}" for name, text in each.items()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(Script("smollm2", Config, main).main())
