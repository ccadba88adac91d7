"""Report of a reward model on held-out pairs, compared with judges that only count words."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from finetune.assistant.assistant import Assistant, load_scorer
from finetune.conversations.encoding import answer_example
from finetune.conversations.messages import Message, PreferencePair
from finetune.datasets.words import stem_overlap
from finetune.evaluation.calibration import calibration_error, reliability_bins
from finetune.evaluation.reward_scores import reward_scores
from finetune.evaluation.shallow import length_score
from finetune.reward.scorer import Scorer
from gpt.policy.rows import pad_examples, split_into_batches

SCORE_BATCH_SIZE = 64
MarginArray = Float[np.ndarray, " N"]


@torch.no_grad()
def reward_model_scores(
    scorer: Scorer, assistant: Assistant, answers: Sequence[tuple[list[Message], str]]
) -> MarginArray:
    """Compute the reward of each answer to its messages."""
    rows = [
        answer_example(assistant.format, assistant.tokenizer, messages, answer)
        for messages, answer in answers
    ]
    blocks = [pad_examples(part) for part in split_into_batches(rows, SCORE_BATCH_SIZE)]
    return torch.cat([scorer(each.tokens, each.lengths) for each in blocks]).double().numpy()


def score_margins(
    items: Sequence[PreferencePair], score: Callable[..., Sequence[float]]
) -> MarginArray:
    """Compute score(chosen) - score(rejected) of each pair."""
    questions = [item.messages[-1]["content"] for item in items]
    chosen = score(questions, [item.chosen for item in items])
    return np.array(chosen) - np.array(score(questions, [item.rejected for item in items]))


def reward_report(path: Path, held_out: Sequence[PreferencePair]) -> dict[str, Any]:
    """Report accuracy, margin and calibration on held-out pairs, and accuracy of shallow judges.

    The judge by length prefers longer or shorter answers, whichever is right more often.
    """
    scorer, assistant = load_scorer(path)
    chosen = reward_model_scores(
        scorer, assistant, [(each.messages, each.chosen) for each in held_out]
    )
    rejected = reward_model_scores(
        scorer, assistant, [(each.messages, each.rejected) for each in held_out]
    )
    longer = score_margins(held_out, length_score)
    shared = score_margins(held_out, lambda asked, answers: [*map(stem_overlap, asked, answers)])
    if np.sign(longer).mean() < 0:
        longer = -longer
    margins = {"model": chosen - rejected, "length": longer, "overlap": shared}
    return {
        "pairs": len(held_out),
        **{name: reward_scores(each, 0 * each)._asdict() for name, each in margins.items()},
        "calibration_error": calibration_error(reliability_bins(margins["model"])),
    }


def print_reward_report(found: dict[str, Any]) -> None:
    """Print the judges as a table."""
    console = Console(highlight=False)
    table = Table("judge", "right", "95 % interval", "mean margin", box=SIMPLE_HEAD)
    for name in ("model", "length", "overlap"):
        share, low, high = found[name]["accuracy"]
        margin = f"{found[name]['margin']:+.2f}" if name == "model" else ""
        table.add_row(name, f"{share:.1%}", f"{low:.1%} to {high:.1%}", margin)
    console.print(f"{found['pairs']} held-out pairs")
    console.print(table)
    console.print(f"calibration error of the model {found['calibration_error']:.3f}")
