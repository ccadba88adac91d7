"""`gpt eval`: score a model against n-gram models of the same text."""

from dataclasses import dataclass
from pathlib import Path

from gpt.device import pick_device
from gpt.evaluation.scores import evaluate_run, print_evaluation
from gpt.runs.folder import RunFolder


@dataclass(frozen=True)
class EvalConfig:
    """Score a model on its validation text, against unigram, bigram and trigram models."""

    run: Path = Path("runs/gpt")
    """Folder of the run whose model is scored."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    json: bool = False
    """Print one JSON document instead of a table."""


def run(config: EvalConfig) -> int:
    """Load the model, score it on its validation text and print the scores."""
    report = evaluate_run(RunFolder(config.run), pick_device(config.device))
    print_evaluation(report, config.json)
    return 0
