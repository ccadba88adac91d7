"""LoRA of the library `peft` around models of transformers; needs the extra `baselines`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

try:
    from peft import LoraConfig as TheirConfig
    from peft import PeftModel, get_peft_model, set_peft_model_state_dict
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        PreTrainedModel,
    )
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/finetune[baselines]'"
    ) from error

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from finetune.lora.inject import lora_layers
from finetune.lora.peft_files import as_peft_adapter
from gpt.baselines import to_library_model
from gpt.model.gpt import GPT


def peft_version() -> str:
    """The library and its version."""
    return f"peft {installed('peft')}"


@contextmanager
def without_peft_warnings() -> Iterator[None]:
    """Without what peft makes transformers say about names that are about to change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


class ForceFloat64(TorchFunctionMode):
    """Within, whoever asks torch for float32 gets float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The call with another format in its arguments."""
        names, values = (kwargs or {}).keys(), [*args, *(kwargs or {}).values()]
        values = [torch.float64 if each is torch.float32 else each for each in values]
        func = torch.Tensor.double if func is torch.Tensor.float else func
        given, named = values[: len(args)], values[len(args) :]
        return func(*given, **dict(zip(names, named, strict=True)))


def in_float64(model: Any) -> Any:
    """A model of transformers or peft that computes everything in float64.

    Left alone, Llama's norms and angles are in float32 whatever the format of its weights, and
    what they round away is more than adapters may differ by.
    """
    model.to(torch.float64)
    for module in model.modules():
        if isinstance(module, LlamaRotaryEmbedding):
            with ForceFloat64():
                turns, _ = module.compute_default_rope_parameters(module.config)
            module.register_buffer("inv_freq", turns, persistent=False)
    as_written = model.forward

    @wraps(as_written)
    def forward(*args: Any, **kwargs: Any) -> Any:
        with ForceFloat64():
            return as_written(*args, **kwargs)

    model.forward = forward
    return model


def as_peft_model(base: GPT, model: GPT) -> PeftModel:
    """In peft what `model` is here: `base` with the adapters of `model`.

    Queries, keys and values of GPT-2 are one module there. Adapters of ours that are joined in one
    keep their blocks: what lies outside of them gets no gradient.
    """
    config, tensors, _ = as_peft_adapter(model)
    settings: dict[str, Any] = config | {"inference_mode": False}
    settings.pop("peft_type")
    library: Any = to_library_model(base)
    library.to(base.embedding.weight.dtype)
    with without_peft_warnings():
        adapted = get_peft_model(library, TheirConfig(**settings))
        set_peft_model_state_dict(adapted, tensors)
    blocks = mapped_adapter_tensors(model, torch.ones_like)
    for name, parameter in peft_parameters(adapted).items():
        mask = blocks[name].to(parameter)
        if not mask.all():
            parameter.register_hook(lambda gradient, mask=mask: gradient * mask)
    return adapted


def peft_parameters(model: PeftModel) -> dict[str, Tensor]:
    """Every A and B of theirs by the name that it has in a file."""
    return {
        name.replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def mapped_adapter_tensors(model: GPT, value: Any) -> dict[str, Tensor]:
    """The same of ours, with `value(parameter)` in place of each: its gradient, say."""
    layers = lora_layers(model).values()
    kept = [(each, each.a.data, each.b.data) for each in layers]
    for layer in layers:
        layer.a.data, layer.b.data = value(layer.a), value(layer.b)
    tensors = as_peft_adapter(model).tensors
    for layer, a, b in kept:
        layer.a.data, layer.b.data = a, b
    return tensors


def merged_weights(model: PeftModel) -> dict[str, Tensor]:
    """The state dict of the model of transformers that `merge_and_unload` leaves."""
    library: Any = model.merge_and_unload()
    return library.state_dict()


def base_logits(model: PeftModel, tokens: Tensor) -> Tensor:
    """What the model says with its adapter off."""
    with model.disable_adapter():
        return model(tokens).logits


def load_causal_lm(folder: Path) -> PreTrainedModel:
    """The model of transformers in a folder, in float64."""
    return in_float64(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval())


def load_sequence_classifier(folder: Path) -> PreTrainedModel:
    """The same with a row that gives one number, in float32; an adapter brings its weights."""
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1).eval()


def load_peft_adapter(model: PreTrainedModel, adapter: Path) -> PeftModel:
    """The model with the adapter of a folder."""
    with without_peft_warnings():
        return PeftModel.from_pretrained(model, str(adapter)).eval()


def load_causal_lm_with_adapter(folder: Path, adapter: Path) -> PeftModel:
    """The model in one folder with the adapter of another, in float64."""
    return load_peft_adapter(load_causal_lm(folder), adapter)


def write_peft_adapter(folder: Path, adapter: Path, **settings: Any) -> PeftModel:
    """A new adapter of theirs for the model in a folder, A and B random, written by `peft`."""
    with without_peft_warnings():
        model = get_peft_model(
            load_causal_lm(folder), TheirConfig(**settings, task_type="CAUSAL_LM")
        )
        for parameter in peft_parameters(model).values():
            nn.init.normal_(parameter, std=0.2)
        model.save_pretrained(str(adapter))
    return model.eval()
