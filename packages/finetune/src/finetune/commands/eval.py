"""`finetune eval`: how good a model's answers are, and whether they beat another's."""

import json as json_format
from dataclasses import dataclass

from finetune.assistant.answering import question_items
from finetune.datasets.tasks import question_task
from finetune.evaluation.answers_report import answers_report, print_answers
from finetune.lora.peft_base import check_base
from gpt.errors import BadInput


@dataclass(frozen=True)
class EvalConfig:
    """Ask a model held-out questions about Python's library and judge its answers by the rule."""

    model: str = "runs/sft"
    """A run, an adapter, smollm2, a folder in the layout of transformers, or a hub id."""
    against: str | None = None
    """Another model for the same questions; how often the first is better is counted."""
    base: str | None = None
    """The model below an adapter, if it is not where the adapter says."""
    questions: int = 200
    """How many are asked."""
    shown: int = 5
    """How many answers are printed: those to the first questions, whatever they are."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        check_base(self.base, self.model, self.against)
        if self.questions < 1:
            raise BadInput(f"questions must be at least 1, got {self.questions}")
        if self.shown < 0:
            raise BadInput(f"shown must be at least 0, got {self.shown}")


def run(config: EvalConfig) -> int:
    """Ask, judge, print."""
    models = {"model": config.model} | ({"against": config.against} if config.against else {})
    rival = "against" if config.against else None
    items = question_items(question_task().held_out[: config.questions])
    found = answers_report(models, items, config.shown, rival, config.base)
    if config.json:
        print(json_format.dumps(found))
    else:
        print_answers(found)
    return 0
