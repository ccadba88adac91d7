"""Read and write an adapter as a folder in the layout of the library `peft`.

    adapter_config.json  adapter_model.safetensors

peft ignores unknown tensors and initialises missing ones afresh; here both are errors.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from finetune.lora.inject import AdaptedLinear, lora_layers, refuse_nested_adapters
from finetune.lora.peft_config import (
    RankAndScale,
    check_settings,
    is_target,
    peft_config,
    rank_and_scale,
)
from finetune.lora.peft_layout import (
    PEFT_PREFIX,
    LoraFactors,
    PeftModule,
    SplitAdapter,
    peft_modules,
)
from finetune.reward.scorer import Scorer
from gpt.errors import BadInput
from gpt.files import read_json, write_atomically
from gpt.model.gpt import GPT

CONFIG_FILE, TENSORS_FILE = "adapter_config.json", "adapter_model.safetensors"
BASE_KEY = "base"
"""Header key of the base's folder, relative to the folder of the adapter."""
SCORE_TENSOR = f"{PEFT_PREFIX}score.weight"
"""Name of a scorer's head, which is trained with its adapters."""
SCORE_MODULES = (["score"], ["classifier", "score"])


class PeftAdapter(NamedTuple):
    """Contents of the files of an adapter."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    header: dict[str, str]
    """Header of the tensor file: the projections from which a module's adapter is joined."""


def write_adapter(folder: Path, model: GPT, base: str | None = None) -> None:
    """Write the adapters of a model; the config is written last, so with it the folder is complete.

    Args:
        folder: folder to write; created if missing.
        model: model with adapters; the head of a `Scorer` is written too.
        base: name of the base model, for users who get the adapter alone.

    Raises:
        BadInput: the model has no adapters, or transformers has no class for its shape.
    """
    config, tensors, header = as_peft_adapter(model)
    config["base_model_name_or_path"] = base
    if base is not None and Path(base).resolve() == folder.resolve().parent:
        header[BASE_KEY] = ".."
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).unlink(missing_ok=True)
    write_atomically(folder / TENSORS_FILE, safetensors.torch.save(tensors, header))
    write_atomically(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())


def as_peft_adapter(model: GPT) -> PeftAdapter:
    """Return the adapters of a model with the names and settings of peft."""
    layers = lora_layers(model)
    if not layers:
        raise BadInput("this model has no adapters to write")
    tensors, header, ranks = {}, {"format": "pt"}, {}
    for module in peft_modules(model.config):
        layer = layers.get(module.layer)
        if layer is None or not (names := module.adapters(layer)):
            continue
        a, b = module.join(layer)
        tensors |= {module.tensor_name("A"): a, module.tensor_name("B"): b}
        ranks[module.path] = RankAndScale(len(a), layer.scale)
        if len(module.projections) > 1:
            header[module.path] = " ".join(names)
    dropout = next(iter(layers.values())).dropout.p
    config = peft_config(ranks, dropout, model.config)
    if isinstance(model, Scorer):
        config |= {"task_type": "SEQ_CLS", "modules_to_save": ["score"]}
        tensors[SCORE_TENSOR] = model.score.weight.detach().cpu()
    return PeftAdapter(config, tensors, header)


@torch.no_grad()
def read_adapter(folder: Path, model: GPT) -> None:
    """Freeze the model and add the adapters of a folder; after an error the model is unchanged.

    A `Scorer` gets its head too if the folder has one.

    Raises:
        BadInput: a file is missing or damaged, or the adapter is not for this model.
    """
    refuse_nested_adapters(model)
    config = read_json(folder / CONFIG_FILE)
    scorer = model if isinstance(model, Scorer) else None
    has_score = scorer is not None and config.get("modules_to_save") in SCORE_MODULES
    check_settings(config | {"modules_to_save": None} if has_score else config)
    dropout = config.get("lora_dropout") or 0.0
    if not isinstance(dropout, float) or not 0 <= dropout < 1:
        raise BadInput(f"the adapter has lora_dropout {dropout!r}; it must lie in [0, 1)")
    tensors, header = read_tensors(folder / TENSORS_FILE)
    score_weight = pop_score_weight(tensors, scorer) if scorer and has_score else None
    found = layer_adapters(config, tensors, header, model)
    model.requires_grad_(False)
    for name, adapters in found.items():
        base: Any = model.get_submodule(name)
        outputs = [each for adapter in adapters for each in adapter.outputs]
        rank, scale = adapters[0].rank, adapters[0].scale
        # the numbers drawn for A are overwritten, so torch's global generator is left alone
        layer = AdaptedLinear(base, outputs, rank, scale, dropout, torch.Generator())
        layer.a.copy_(torch.cat([adapter.factors.a for adapter in adapters]))
        layer.b.copy_(torch.cat([adapter.factors.b for adapter in adapters]))
        model.set_submodule(name, layer.train(base.training))
    if scorer and score_weight is not None:
        scorer.score.weight.copy_(score_weight)


def layer_adapters(
    config: dict[str, Any], tensors: dict[str, Tensor], header: dict[str, str], model: GPT
) -> dict[str, list[SplitAdapter]]:
    """Return the adapters of a folder by the names of our layers."""
    adapted = [module for module in peft_modules(model.config) if is_target(config, module.path)]
    check_tensor_names(tensors, adapted)
    found: dict[str, list[SplitAdapter]] = {}
    for module in adapted:
        settings = rank_and_scale(config, module.path)
        factors = module_factors(module, settings.rank, tensors)
        adapter = module.split(factors, settings.scale, header.get(module.path))
        found.setdefault(module.layer, []).append(adapter)
    for name, adapters in found.items():
        if len({(each.rank, each.scale) for each in adapters}) > 1:
            raise BadInput(f"the projections of {name} have adapters of different ranks or scales")
    return found


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file, and its header."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError as error:
        raise BadInput(f"{str(path)!r} is missing; adapters are read from safetensors") from error
    except safetensors.SafetensorError as error:
        raise BadInput(f"{str(path)!r} is damaged: {error}") from error


def pop_score_weight(tensors: dict[str, Tensor], model: Scorer) -> Tensor:
    """Remove the weight of a scorer's head from the tensors and return it."""
    weight, expected = tensors.pop(SCORE_TENSOR, None), tuple(model.score.weight.shape)
    if weight is None:
        raise BadInput(f"the adapter lacks tensor {SCORE_TENSOR!r}")
    if tuple(weight.shape) != expected:
        raise BadInput(
            f"{SCORE_TENSOR!r} has shape {tuple(weight.shape)}; this model needs {expected}"
        )
    return weight


def check_tensor_names(tensors: dict[str, Tensor], adapted: list[PeftModule]) -> None:
    """Raise BadInput if tensors are missing or unknown, or no module is adapted."""
    names = {module.tensor_name(factor) for module in adapted for factor in "AB"}
    for name in sorted(names ^ tensors.keys()):
        state = "lacks" if name in names else "has an unknown"
        raise BadInput(f"the adapter {state} tensor {name!r}")
    if not names:
        raise BadInput("the adapter names no module of this model")


def module_factors(module: PeftModule, rank: int, tensors: dict[str, Tensor]) -> LoraFactors:
    """Return A and B of a module after checking their shapes."""
    shapes = {"A": (rank, module.n_inputs), "B": (module.n_outputs, rank)}
    for factor, expected in shapes.items():
        name = module.tensor_name(factor)
        if tuple(tensors[name].shape) != expected:
            raise BadInput(
                f"{name!r} has shape {tuple(tensors[name].shape)}; rank {rank} and this model "
                f"need {expected}"
            )
    return LoraFactors(tensors[module.tensor_name("A")], tensors[module.tensor_name("B")])
