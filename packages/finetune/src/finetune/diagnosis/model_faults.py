"""Faults of the models of a run: a reference that moves, adapters that do nothing, dropout."""

import math
from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor, nn

from finetune.diagnosis.pitfalls import Finding
from finetune.lora.inject import LoraConfig, count_trainable, lora_layers


def reference_in_training_mode(reference: nn.Module) -> Finding | None:
    """A reference with modules in training mode: with dropout it gives other numbers every time."""
    share = fmean(module.training for module in reference.modules())
    if share == 0:
        return None
    return Finding(
        "reference in training mode",
        f"{share:.0%} of the modules of the reference are in training mode; call reference.eval(), "
        "also after anything that calls train()",
        share,
    )


def reference_not_frozen(reference: nn.Module) -> Finding | None:
    """A reference whose weights take gradients."""
    n_live = sum(each.numel() for each in reference.parameters() if each.requires_grad)
    if n_live == 0:
        return None
    return Finding(
        "reference not frozen",
        f"{n_live:,} numbers of the reference take gradients; call reference.requires_grad_(False) "
        "and ask it under torch.no_grad()",
        n_live,
    )


def shared_weights(policy: nn.Module, reference: nn.Module) -> Finding | None:
    """Trained weights that the reference has too: it learns along, and the KL stays zero."""
    theirs = {each.data_ptr() for each in reference.parameters()}
    shared = [
        each for each in policy.parameters() if each.requires_grad and each.data_ptr() in theirs
    ]
    if not shared:
        return None
    return Finding(
        "shared weights",
        f"policy and reference share {len(shared)} tensors that are trained; give the reference a "
        "copy (copy.deepcopy), or train adapters and switch them off for the reference",
        len(shared),
    )


def fingerprint(model: nn.Module) -> float:
    """A number that changes when any weight does, but for unlikely ties; take it at the start."""
    sums = [each.double().sum() * (i + 1) for i, each in enumerate(model.state_dict().values())]
    return float(torch.stack([*map(torch.sin, sums)]).sum())


def reference_changed(reference: nn.Module, at_start: float) -> Finding | None:
    """A reference that is no longer what it was; `at_start` is its fingerprint then."""
    moved = abs(fingerprint(reference) - at_start)
    if moved == 0:
        return None
    return Finding(
        "reference changed",
        "the weights of the reference are others than at the start, so the KL is measured from a "
        "moving place; look for weights shared with the policy, and for the optimizer's list",
        moved,
    )


def noisy_scores(score: Callable[[], Tensor], what: str = "policy") -> Finding | None:
    """Two scores of the same text that differ: dropout is on where none belongs.

    `score` runs the model on one batch, in the mode in which the loss will run it.
    """
    with torch.no_grad():
        gap = (score() - score()).abs().max().item()
    if gap == 0:
        return None
    return Finding(
        "noisy",
        f"the {what} scores the same text twice with a difference of {gap:.2g}; score without "
        "dropout, or margins hold its noise and the first loss of DPO is not ln 2",
        gap,
    )


def few_trained_weights(model: nn.Module, least: float = 1e-4) -> Finding | None:
    """A model of which nothing, or next to nothing, is trained: wrong names of layers."""
    found = count_trainable(model)
    share = found.trained / found.total
    if share >= least:
        return None
    return Finding(
        "little is trained",
        f"{found}; are the targets of the adapters the names of this model's parts?",
        share,
    )


def adapters_still_zero(model: nn.Module) -> Finding | None:
    """Adapters that change nothing although steps were taken: no gradient comes to them."""
    layers = lora_layers(model)
    idle = [name for name, layer in layers.items() if not layer.b.any()]
    if not idle:
        return None
    return Finding(
        "adapters still zero",
        f"B is zero in {len(idle)} of {len(layers)} layers after training, as in {idle[0]}; is the "
        "optimizer made after the adapters, and does the loss pass through them?",
        len(idle) / len(layers),
    )


def wrong_scale(model: nn.Module, config: LoraConfig) -> Finding | None:
    """Adapters multiplied by something else than alpha / rank, such as alpha.

    The value is how many times too much.
    """
    ratios = [layer.scale * config.rank / config.alpha for layer in lora_layers(model).values()]
    worst = max(ratios, key=lambda ratio: abs(math.log(ratio)), default=1.0)
    if math.isclose(worst, 1.0):
        return None
    return Finding(
        "wrong scale",
        f"adapters count {worst:g} times what alpha / rank = {config.scale:g} says; without the "
        "division each rank has another learning rate, and other programs read another model",
        worst,
    )
