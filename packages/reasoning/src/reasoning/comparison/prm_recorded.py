"""Four training steps recorded from trl 1.12.0's process reward model; trl 1.16 has none.

`scripts/prm_fixture.py` recorded them and documents how. trl's model has one output for each of the
two labels, wrong and right, and the loss is their cross-entropy. That is the binary cross-entropy
of the difference of the two outputs. So our one row is the difference of trl's two, and each of the
two gets our gradient, with opposite signs.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.pretrained.folders import from_transformers
from gpt.pretrained.shapes import config_from_transformers
from gpt.pretrained.weights import weights_from_transformers
from reasoning.verifier.data import LabelledRows
from reasoning.verifier.model import Verifier, as_verifier

IGNORED = -100
"""trl's label of tokens that end no step."""


@cache
def load_prm_recording() -> dict[str, Any]:
    """Read the recorded file."""
    path = files("reasoning.comparison") / "recorded/prm_trl_1.12.json"
    return json.loads(path.read_text("utf-8"))


@dataclass(frozen=True)
class RecordedStep:
    """A training step of trl, with weights under our names."""

    rows: LabelledRows
    loss: Float[Tensor, ""]
    gradients: dict[str, Tensor]
    """Those of our row are the gradients of trl's row for the label `right`."""
    weights: dict[str, Tensor]
    """Weights after the step."""


def recorded_prm_steps() -> list[RecordedStep]:
    """Return the steps in their order."""
    return [
        RecordedStep(
            recorded_rows(step),
            as_float64(step["loss"]),
            by_our_names(step["gradients"], lambda head: head[1:]),
            by_our_names(step["weights"]),
        )
        for step in load_prm_recording()["steps"]
    ]


def recorded_rows(step: dict[str, Any]) -> LabelledRows:
    """Return the tokens and labels of a batch."""
    tokens, labels = torch.tensor(step["input_ids"]), torch.tensor(step["labels"])
    mask = labels != IGNORED
    return LabelledRows(tokens, mask, labels.masked_fill(~mask, 0).double())


def initial_verifier() -> Verifier:
    """Rebuild the model as it was before the first step."""
    recording = load_prm_recording()
    weights = {name: as_float64(values) for name, values in recording["weights_before"].items()}
    head = [weights.pop(f"classifier.{kind}") for kind in ("weight", "bias")]
    verifier = as_verifier(from_transformers(recorded_config(), weights))
    for ours, theirs in zip(verifier.score.parameters(), head, strict=True):
        ours.data = difference_of_labels(theirs)
    return verifier


def by_our_names(theirs: dict[str, Any], head: Any = None) -> dict[str, Tensor]:
    """Rename recorded tensors; `head` makes our row of trl's two, by default their difference."""
    tensors = {name: as_float64(values) for name, values in theirs.items()}
    score = {
        f"score.{kind}": (head or difference_of_labels)(tensors.pop(f"classifier.{kind}"))
        for kind in ("weight", "bias")
    }
    return weights_from_transformers(tensors, config_from_transformers(recorded_config())) | score


def difference_of_labels(head: Float[Tensor, "two ..."]) -> Float[Tensor, "one ..."]:
    """Return the output for the label `right` minus that for `wrong`."""
    return head[1:] - head[:1]


def recorded_config() -> dict[str, Any]:
    """Return the config of the model, in the format of transformers."""
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    shape = {
        name: size
        for name, size in load_prm_recording()["model"].items()
        if name not in ("separator", "pad")
    }
    return {"model_type": "gpt2"} | no_dropout | shape


def as_float64(values: Any) -> Tensor:
    """Convert recorded numbers."""
    return torch.tensor(values, dtype=torch.float64)
