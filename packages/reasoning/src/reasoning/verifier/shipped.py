"""The verifier that comes with the package: one file with its weights, recipe and report.

`reasoning prm` writes such a file at the end of a run.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.model.config import GPTConfig
from reasoning.verifier.data import VerifierKind
from reasoning.verifier.model import Verifier

VERIFIER_FILE = "verifier.safetensors"
SHIPPED_VERIFIER = Path(__file__).with_name(VERIFIER_FILE)
"""The process model of the package; `verifier.jsonl` next to it is the log of its training."""
VERIFIER_RECIPE = (
    *("loop", "batch_size", "micro_batch_size", "n_puzzles", "n_attempts", "n_rollouts"),
    "estimate",
)
"""Options of `reasoning prm` that decide the weights, besides the start model and the kind."""


class TrainedVerifier(NamedTuple):
    """A verifier with its recipe and its report."""

    verifier: Verifier
    kind: VerifierKind
    recipe: dict[str, Any]
    """Options of `reasoning prm` that decide the weights; those of the loop are in `loop`."""
    threshold: float
    """Score below which a step counts as an error."""
    report: dict[str, Any]
    """Measurements on held-out puzzles when it was written."""


def save_verifier(path: Path, trained: TrainedVerifier) -> None:
    """Write a verifier with its recipe and its report."""
    verifier = trained.verifier
    about = {"model": vars(verifier.config), **trained._asdict()}
    del about["verifier"]
    weights = {name: weight.contiguous() for name, weight in verifier.state_dict().items()}
    metadata = {"verifier": json.dumps(about)}
    write_atomically(path, safetensors.torch.save(weights, metadata=metadata))


def load_verifier(
    path: Path = SHIPPED_VERIFIER, device: torch.device | None = None
) -> TrainedVerifier:
    """Read a file that `reasoning prm` wrote; by default, the process model of the package.

    Raises:
        BadInput: there is no such file, or it is damaged or holds something else.
    """
    if not path.is_file():
        raise BadInput(f"there is no verifier {str(path)!r}; train one with: reasoning prm")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["verifier"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        verifier = Verifier(GPTConfig(**about.pop("model")))
        verifier.load_state_dict(weights)
        return TrainedVerifier(verifier.to(device).eval(), **about)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadInput(f"{str(path)!r} is damaged or is not a verifier") from error
