"""An adapter as a folder in the layout of the library `peft`: read one, write one.

    adapter_config.json  adapter_model.safetensors

peft drops tensors that it does not know and begins anew where one is missing; here both are errors.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from finetune.lora.inject import lora_layers, refuse_nested_adapters
from finetune.lora.joining import (
    LoraFactors,
    SplitAdapter,
    adapted_projections,
    join_adapters,
    split_adapter,
)
from finetune.lora.layer import LoraLinear
from finetune.lora.peft_layout import (
    PEFT_PREFIX,
    PeftModule,
    RankAndScale,
    check_settings,
    is_target,
    peft_config,
    peft_modules,
    rank_and_scale,
)
from finetune.reward.scorer import Scorer
from gpt.errors import BadInput
from gpt.files import read_json, write_atomically
from gpt.model.gpt import GPT

CONFIG_FILE, TENSORS_FILE = "adapter_config.json", "adapter_model.safetensors"
BASE_KEY = "base"
"""Key of the header: where the base is, seen from the folder of the adapter."""
SCORE_TENSOR = f"{PEFT_PREFIX}score.weight"
"""What a scorer has learned beside its adapters."""
SCORE_MODULES = (["score"], ["classifier", "score"])


class PeftAdapter(NamedTuple):
    """What stands in the files of an adapter."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    header: dict[str, str]
    """Of the tensors: which parts the adapter of a module is joined of."""


def write_adapter(folder: Path, model: GPT, base: str | None = None) -> None:
    """Write the adapters of a model; the config goes first and comes last: with it, all is whole.

    Args:
        folder: where to.
        model: its row goes with them if it is a `Scorer`.
        base: the name of the model below, for those who are given the adapter alone.

    Raises:
        BadInput: there are none, or transformers has no class for this architecture.
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
    """The adapters of a model in the words of peft."""
    layers = lora_layers(model)
    if not layers:
        raise BadInput("this model has no adapters to write")
    tensors, header, ranks = {}, {"format": "pt"}, {}
    for module in peft_modules(model.config):
        chosen = adapted_projections(layers[module.layer], module) if module.layer in layers else []
        if not chosen:
            continue
        a, b = join_adapters(layers[module.layer], module, chosen)
        tensors |= {module.tensor("A"): a, module.tensor("B"): b}
        ranks[module.path] = RankAndScale(len(a), layers[module.layer].scale)
        if len(module.parts) > 1:
            header[module.path] = " ".join(chosen)
    dropout = next(iter(layers.values())).p_dropout
    config = peft_config(ranks, dropout, model.config)
    if isinstance(model, Scorer):
        config |= {"task_type": "SEQ_CLS", "modules_to_save": ["score"]}
        tensors[SCORE_TENSOR] = model.score.weight.detach().cpu()
    return PeftAdapter(config, tensors, header)


def read_adapter(folder: Path, model: GPT) -> None:
    """Freeze the model and put the adapters of a folder into it; on an error it stays as it was.

    A `Scorer` gets its row too, where the folder holds one.

    Raises:
        BadInput: a file is missing or damaged, or the adapter is not for this model.
    """
    refuse_nested_adapters(model)
    config = read_json(folder / CONFIG_FILE)
    scorer = model if isinstance(model, Scorer) else None
    with_row = scorer is not None and config.get("modules_to_save") in SCORE_MODULES
    check_settings(config | {"modules_to_save": None} if with_row else config)
    dropout = config.get("lora_dropout") or 0.0
    if not isinstance(dropout, float) or not 0 <= dropout < 1:
        raise BadInput(f"the adapter has lora_dropout {dropout!r}; it must lie in [0, 1)")
    tensors, header = read_tensors(folder / TENSORS_FILE)
    row = pop_score_weight(tensors, scorer) if scorer and with_row else None
    found = layer_adapters(config, tensors, header, model)
    model.requires_grad_(False)
    for layer, pieces in found.items():
        insert_adapter(model, layer, pieces, dropout)
    if scorer and row is not None:
        scorer.score.weight.data.copy_(row)


def layer_adapters(
    config: dict[str, Any], tensors: dict[str, Tensor], header: dict[str, str], model: GPT
) -> dict[str, list[SplitAdapter]]:
    """What every layer of ours gets."""
    wanted = [module for module in peft_modules(model.config) if is_target(config, module.path)]
    check_tensor_names(tensors, wanted)
    found: dict[str, list[SplitAdapter]] = {}
    for module in wanted:
        settings = rank_and_scale(config, module.path)
        factors = module_factors(module, settings, tensors)
        split = split_adapter(module, settings, factors, header.get(module.path))
        found.setdefault(module.layer, []).append(split)
    for layer, pieces in found.items():
        if len({(each.rank, each.scale) for each in pieces}) > 1:
            raise BadInput(f"the parts of {layer} have adapters of different ranks or scales")
    return found


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of the file, and its header."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError as error:
        raise BadInput(f"{str(path)!r} is missing; adapters are read from safetensors") from error
    except safetensors.SafetensorError as error:
        raise BadInput(f"{str(path)!r} is damaged: {error}") from error


def read_header(folder: Path) -> dict[str, str]:
    """The header of the adapter's tensors; empty if there is no such file."""
    path = folder / TENSORS_FILE
    return read_tensors(path)[1] if path.is_file() else {}


def pop_score_weight(tensors: dict[str, Tensor], model: Scorer) -> Tensor:
    """The row of a scorer, out of the tensors."""
    row, own = tensors.pop(SCORE_TENSOR, None), tuple(model.score.weight.shape)
    if row is None:
        raise BadInput(f"the adapter misses tensor {SCORE_TENSOR!r}")
    if tuple(row.shape) != own:
        raise BadInput(f"{SCORE_TENSOR!r} has shape {tuple(row.shape)}; this model asks for {own}")
    return row


def check_tensor_names(tensors: dict[str, Tensor], wanted: list[PeftModule]) -> None:
    """Refuse an adapter with a tensor too many or too few, or with none at all."""
    names = {module.tensor(factor) for module in wanted for factor in "AB"}
    for name in sorted(names ^ tensors.keys()):
        state = "misses" if name in names else "has an unknown"
        raise BadInput(f"the adapter {state} tensor {name!r}")
    if not names:
        raise BadInput("the adapter names no module of this model")


def module_factors(
    module: PeftModule, settings: RankAndScale, tensors: dict[str, Tensor]
) -> LoraFactors:
    """A and B of a module, in the shapes that its rank asks for."""
    shapes = {"A": (settings.rank, module.n_inputs), "B": (module.n_outputs, settings.rank)}
    for factor, shape in shapes.items():
        given = tuple(tensors[module.tensor(factor)].shape)
        if given != shape:
            raise BadInput(
                f"{module.tensor(factor)!r} has shape {given}; rank {settings.rank} and this "
                f"model ask for {shape}"
            )
    return LoraFactors(tensors[module.tensor("A")], tensors[module.tensor("B")])


@torch.no_grad()
def insert_adapter(model: GPT, name: str, pieces: list[SplitAdapter], dropout: float) -> None:
    """One layer with the adapters that were read."""
    base: Any = model.get_submodule(name)
    outputs = [each for piece in pieces for each in piece.outputs]
    first = pieces[0]
    # a generator of its own: what it draws is overwritten
    layer = LoraLinear(base, outputs, first.rank, first.scale, dropout, torch.Generator())
    layer.a.copy_(torch.cat([piece.factors.a for piece in pieces]))
    layer.b.copy_(torch.cat([piece.factors.b for piece in pieces]))
    model.set_submodule(name, layer.train(base.training))
