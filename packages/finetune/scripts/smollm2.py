"""Fine-tune a real model, SmolLM2, to answer like the documentation.

    uv run python packages/finetune/scripts/smollm2.py --json > smollm2.json

SmolLM2-135M-Instruct, by LoRA: supervised fine-tuning on the questions about Python's library, then
DPO from documented and spoilt answers. The two commands are run as a reader would type them and
timed whole: loading, training, and the answers before and after.

It took 19 minutes of two threads (torch 2.15, CPU); the share of held-out questions where the model
stops by itself rose from 0.01 to 0.99.
"""

import json
import platform
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
from gpt.runs.folder import RunFolder


@dataclass(frozen=True)
class Config:
    """Fine-tune SmolLM2 with LoRA and compare its answers before and after."""

    runs: Path = Path("runs")
    """Folder of the runs `smol` and `smol-dpo`, which are replaced."""
    model: str = "smollm2"
    """Model to start from."""
    sft_steps: int = 80
    """Updates of supervised fine-tuning, 16 rows per update."""
    dpo_steps: int = 30
    """Updates of DPO, 8 pairs per update."""
    shown: int = 10
    """Held-out questions whose answers are kept, evenly spaced among all of them."""
    json: bool = False
    """Print one JSON document instead of the answers."""

    def __post_init__(self) -> None:
        """Check that answers are kept.

        Raises:
            BadInput: none would be.
        """
        if self.shown < 1:
            raise BadInput(f"shown must be at least 1, got {self.shown}")


def commands(config: Config) -> dict[str, list[str]]:
    """Return the command lines of the two stages."""
    runs = str(config.runs)
    shared = ["--runs", runs, "--save-every", "1000", "--overwrite", "--json"]
    sft = ["--model", config.model, "--name", "smol", "--steps", str(config.sft_steps)]
    dpo = ["--model", f"{runs}/smol", "--name", "smol-dpo", "--steps", str(config.dpo_steps)]
    return {
        "smol": ["finetune", "sft", *sft, "--learning-rate", "3e-4", *shared],
        "smol-dpo": ["finetune", "dpo", *dpo, "--batch-size", "8", *shared],
    }


def stage(name: str, command: list[str], config: Config) -> dict[str, Any]:
    """Run a command and return its seconds, losses and report."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RunFailed(f"{' '.join(command)} ended with status {done.returncode}")
    records = list(RunFolder(config.runs / name).records())
    report = json.loads(done.stdout)
    return {
        "command": " ".join(command),
        "seconds": round(time.perf_counter() - began),
        "losses": [round(each["loss"], 4) for each in records],
        "validation": [each["validation"] for each in records if each["validation"] is not None],
        "report": {each: report[each] for each in ("models", "wins")},
    }


def samples(config: Config) -> list[dict[str, Any]]:
    """Return the answers of all models to evenly spaced held-out questions."""
    held_out = question_task().held_out
    numbers = [len(held_out) * n // config.shown for n in range(config.shown)]
    items = question_items([held_out[number] for number in numbers])
    models = {"before": config.model} | {name: str(config.runs / name) for name in commands(config)}
    texts = [item.messages for item in items]
    said = {name: generate_answers(load_assistant(model), texts) for name, model in models.items()}
    return [
        {"number": number, "asked": held_out[number].question, "reference": held_out[number].answer}
        | {name: each[place].text for name, each in said.items()}
        for place, number in enumerate(numbers)
    ]


def main(config: Config) -> int:
    """Train two stages, compare three models, and print the report."""
    stages = {name: stage(name, each, config) for name, each in commands(config).items()}
    found = {
        "stages": stages,
        "samples": samples(config),
        "seconds": sum(each["seconds"] for each in stages.values()),
        "device": str(pick_device("auto")),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if config.json:
        print(json.dumps(found, indent=1))
        return 0
    for each in found["samples"]:
        print("\n".join(f"{name:>10}  {text}" for name, text in each.items()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(Script("smollm2", Config, main).main())
