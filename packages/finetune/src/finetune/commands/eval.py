"""`finetune eval`: how good a model's answers are, also compared with another model's."""

import json
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from finetune.assistant.answering import question_items
from finetune.datasets.tasks import question_task
from finetune.evaluation.answers_report import answers_report, print_answers
from finetune.lora.peft_base import check_base
from gpt.errors import BadInput


@dataclass(frozen=True)
class EvalConfig:
    """Score a model's answers to held-out questions about Python's library with a fixed rule.

    The rule checks that answers end, are brief, do not repeat themselves and are on topic.
    """

    model: str = "runs/sft"
    """Model to score: `smollm2`, a hub id or a folder.
    A folder holds a run, an adapter or a model in transformers' format."""
    baseline: Annotated[str | None, arg(help_behavior_hint="(default: no comparison)")] = None
    """Model to compare with. The report adds how often --model wins, loses or ties against it."""
    base: Annotated[str | None, arg(help_behavior_hint="(default: named by the adapter)")] = None
    """Base model of an adapter, if it has moved from the path in the adapter's config."""
    n_questions: int = 200
    """Questions to answer. More questions give narrower intervals."""
    n_samples: int = 5
    """Number of questions, from the first, whose answers are printed."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range, or --base has no adapter.
        """
        check_base(self.base, self.model, self.baseline)
        if self.n_questions < 1:
            raise BadInput(f"n_questions must be at least 1, got {self.n_questions}")
        if self.n_samples < 0:
            raise BadInput(f"n_samples must be at least 0, got {self.n_samples}")


def run(config: EvalConfig) -> int:
    """Generate the answers, score them, and print means and samples."""
    models = {"model": config.model} | ({"baseline": config.baseline} if config.baseline else {})
    baseline = "baseline" if config.baseline else None
    items = question_items(question_task().held_out[: config.n_questions])
    report = answers_report(models, items, config.n_samples, baseline, config.base)
    if config.json:
        print(json.dumps(report))
    else:
        print_answers(report)
    return 0
