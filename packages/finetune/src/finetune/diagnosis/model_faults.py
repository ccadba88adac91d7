"""Detectors for the models of a run: a reference that changes, idle adapters, dropout."""

import math
from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor, nn

from finetune.diagnosis.pitfalls import Finding
from finetune.lora.inject import LoraConfig, count_trainable, lora_layers


def reference_in_training_mode(reference: nn.Module) -> Finding | None:
    """Find a reference with modules in training mode: dropout makes its scores random."""
    share = fmean(module.training for module in reference.modules())
    return Finding.unless(
        share == 0,
        "reference in training mode",
        f"{share:.0%} of the modules of the reference are in training mode; call reference.eval(), "
        "also after anything that calls train()",
        share,
    )


def reference_not_frozen(reference: nn.Module) -> Finding | None:
    """Find a reference whose weights require gradients."""
    n_trainable = sum(each.numel() for each in reference.parameters() if each.requires_grad)
    return Finding.unless(
        n_trainable == 0,
        "reference not frozen",
        f"{n_trainable:,} weights of the reference require gradients; call "
        "reference.requires_grad_(False) and run it under torch.no_grad()",
        n_trainable,
    )


def shared_weights(policy: nn.Module, reference: nn.Module) -> Finding | None:
    """Find trained weights that belong to the reference as well, so that the KL stays zero."""
    theirs = {each.data_ptr() for each in reference.parameters()}
    trained = [each for each in policy.parameters() if each.requires_grad]
    n_shared = sum(each.data_ptr() in theirs for each in trained)
    return Finding.unless(
        n_shared == 0,
        "shared weights",
        f"policy and reference share {n_shared} trained tensors; give the reference a copy "
        "(copy.deepcopy), or train adapters and disable them for the reference",
        n_shared,
    )


def fingerprint(model: nn.Module) -> float:
    """Return a number that changes when any weight does, except for unlikely coincidences."""
    sums = [each.double().sum() * (i + 1) for i, each in enumerate(model.state_dict().values())]
    return float(torch.stack([*map(torch.sin, sums)]).sum())


def reference_changed(reference: nn.Module, initial_fingerprint: float) -> Finding | None:
    """Find a reference whose weights differ from those at the start of the run."""
    change = abs(fingerprint(reference) - initial_fingerprint)
    return Finding.unless(
        change == 0,
        "reference changed",
        "the weights of the reference have changed since the start, so the KL is measured from a "
        "moving model; look for weights shared with the policy or listed in the optimizer",
        change,
    )


def noisy_scores(score: Callable[[], Tensor], model_name: str = "policy") -> Finding | None:
    """Find two different scores of the same text: dropout is active where it should not be.

    `score` runs the model on one batch, in the mode that the loss will use.
    """
    with torch.no_grad():
        gap = (score() - score()).abs().max().item()
    return Finding.unless(
        gap == 0,
        "noisy",
        f"the {model_name} scores the same text twice with a difference of {gap:.2g}; score "
        "without dropout, or margins contain its noise and the first DPO loss is not ln 2",
        gap,
    )


def few_trained_weights(model: nn.Module, least: float = 1e-4) -> Finding | None:
    """Report that less than a share `least` of the weights is trained.

    Misspelled adapter targets cause this.
    """
    counts = count_trainable(model)
    share = counts.trained / counts.total
    return Finding.unless(
        share >= least,
        "little is trained",
        f"{counts}; do the targets of the adapters name projections of this model?",
        share,
    )


def adapters_still_zero(model: nn.Module) -> Finding | None:
    """Find adapters that still change nothing after some steps: no gradient reaches them."""
    layers = lora_layers(model)
    idle = [name for name, layer in layers.items() if not layer.b.any()]
    if not idle:
        return None
    return Finding(
        "adapters still zero",
        f"B is zero after training in {len(idle)} of {len(layers)} layers, such as {idle[0]}; was "
        "the optimizer made after the adapters, and does the loss depend on them?",
        len(idle) / len(layers),
    )


def wrong_scale(model: nn.Module, config: LoraConfig) -> Finding | None:
    """Find adapters scaled by something other than alpha / rank, such as alpha.

    The value is the ratio of the actual scale to the right one.
    """
    ratios = [layer.scale * config.rank / config.alpha for layer in lora_layers(model).values()]
    worst = max(ratios, key=lambda ratio: abs(math.log(ratio)), default=1.0)
    return Finding.unless(
        math.isclose(worst, 1.0),
        "wrong scale",
        f"adapters are scaled by {worst:g} times alpha / rank = {config.scale:g}; without the "
        "division each rank has a different learning rate, and other programs read a different "
        "model",
        worst,
    )
