r"""Linear probes: how well a property of the text can be read off each layer by a linear map.

W = argmin |X W - Y|^2 + ridge |W|^2 = (X^T X + ridge I)^-1 X^T Y    (ridge regression)

X has the residual stream at N positions, standardised, and Y their labels, one-hot. The class of a
row is its largest number (Alain and Bengio 2016, "Understanding intermediate layers using linear
classifier probes"). Departure: least squares instead of logistic regression, since it takes one
solve and has nothing to tune but the ridge.

High accuracy by itself proves little. The label may be frequent, so a probe is compared with always
answering the most frequent one. And a wide probe can memorise which token has which label, so it
is compared with a control task: the same probe on labels drawn at random, one per token of the
vocabulary (Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks"). The
difference to the control is the probe's selectivity.

A probe finds what can be read, not what the model reads; `patching` tests the latter.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.activations import residual_streams
from gpt.model.gpt import GPT


class Probe(NamedTuple):
    """A linear classifier of C classes on standardised activations."""

    mean: Float[Tensor, " D"]
    scale: Float[Tensor, " D"]
    weight: Float[Tensor, "D C"]
    bias: Float[Tensor, " C"]

    def predict(self, x: Float[Tensor, "N D"]) -> Int[Tensor, " N"]:
        """Return the class of each row."""
        return ((x - self.mean) / self.scale @ self.weight + self.bias).argmax(dim=-1)

    def accuracy(self, x: Float[Tensor, "N D"], labels: Int[Tensor, " N"]) -> float:
        """Return the share of rows whose class is the label."""
        return float((self.predict(x) == labels).double().mean())


class ProbeScores(NamedTuple):
    """Held-out accuracies of the probes of one property, by number of blocks from 0 to L."""

    accuracy: list[float]
    control: list[float]
    """Of the same probes on the control task."""
    majority: float
    """Of the most frequent training label."""


def fit_probe(
    x: Float[Tensor, "N D"], labels: Int[Tensor, " N"], n_classes: int, ridge: float = 1.0
) -> Probe:
    """Fit a probe in closed form.

    Raises:
        BadInput: there are fewer than two classes, or the ridge is not positive.
    """
    if n_classes < 2 or int(labels.max()) >= n_classes or int(labels.min()) < 0:
        raise BadInput(
            f"labels from {int(labels.min())} to {int(labels.max())} are not those of a probe of "
            f"{n_classes} classes; it needs at least two, counted from 0"
        )
    if ridge <= 0:
        raise BadInput(f"ridge must be positive, got {ridge}")
    mean, scale = x.mean(dim=0), x.std(dim=0, correction=0).clamp(min=1e-6)
    z = (x - mean) / scale
    y = F.one_hot(labels, n_classes).to(x.dtype)
    bias = y.mean(dim=0)  # z has mean 0, so the bias is that of the labels
    gram = z.T @ z + ridge * torch.eye(z.shape[1], dtype=x.dtype, device=x.device)
    return Probe(mean, scale, torch.linalg.solve(gram, z.T @ (y - bias)), bias)


def control_labels(
    tokens: Int[Tensor, "B T"],
    labels: Int[Tensor, "B T"],
    vocab_size: int,
    generator: torch.Generator,
) -> Int[Tensor, "B T"]:
    """Give every token of the vocabulary one of these labels at random, wherever it occurs."""
    draws = torch.randint(labels.numel(), (vocab_size,), generator=generator)
    return labels.flatten()[draws][tokens]


def probe_layers(
    model: GPT,
    tokens: Int[Tensor, "B T"],
    labels: Int[Tensor, "B T"],
    n_train: int,
    generator: torch.Generator,
    ridge: float = 1.0,
) -> ProbeScores:
    """Fit a probe after every number of blocks on the first `n_train` texts, and score the rest.

    Raises:
        BadInput: no text is left for one of the two.
    """
    if not 0 < n_train < len(tokens):
        raise BadInput(
            f"n_train must leave texts for both, so lie between 1 and {len(tokens) - 1}; "
            f"got {n_train}"
        )
    n_classes = int(labels.max()) + 1
    control = control_labels(tokens, labels, model.config.vocab_size, generator)
    layers = residual_streams(model, tokens)

    def held_out_accuracy(x: Float[Tensor, "B T D"], wanted: Int[Tensor, "B T"]) -> float:
        fitted, scored = (
            (rearrange(x[texts], "B T D -> (B T) D"), rearrange(wanted[texts], "B T -> (B T)"))
            for texts in (slice(None, n_train), slice(n_train, None))
        )
        return fit_probe(*fitted, n_classes, ridge).accuracy(*scored)

    majority = labels[:n_train].flatten().mode().values
    return ProbeScores(
        accuracy=[held_out_accuracy(x, labels) for x in layers],
        control=[held_out_accuracy(x, control) for x in layers],
        majority=float((labels[n_train:] == majority).double().mean()),
    )
