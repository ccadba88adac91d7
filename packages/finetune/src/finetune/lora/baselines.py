"""LoRA of the library `peft`, on models of transformers; needs the extra `baselines`."""

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
    """Return the name and version of peft."""
    return f"peft {installed('peft')}"


@contextmanager
def without_peft_warnings() -> Iterator[None]:
    """Silence the warnings of transformers about deprecated names that peft still uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


class ForceFloat64(TorchFunctionMode):
    """Give every torch call float64 where it requests float32."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace float32 in the arguments and call the function."""
        names, values = (kwargs or {}).keys(), [*args, *(kwargs or {}).values()]
        values = [torch.float64 if each is torch.float32 else each for each in values]
        func = torch.Tensor.double if func is torch.Tensor.float else func
        positional, keyword = values[: len(args)], values[len(args) :]
        return func(*positional, **dict(zip(names, keyword, strict=True)))


def in_float64(model: Any) -> Any:
    """Make a model of transformers or peft compute everything in float64.

    By default Llama's norms and rotary angles are in float32 whatever the format of its weights,
    which rounds more than the tolerance of the comparison.
    """
    model.to(torch.float64)
    for module in model.modules():
        if isinstance(module, LlamaRotaryEmbedding):
            with ForceFloat64():
                frequencies, _ = module.compute_default_rope_parameters(module.config)
            module.register_buffer("inv_freq", frequencies, persistent=False)
    original_forward = model.forward

    @wraps(original_forward)
    def forward(*args: Any, **kwargs: Any) -> Any:
        with ForceFloat64():
            return original_forward(*args, **kwargs)

    model.forward = forward
    return model


def as_peft_model(base: GPT, model: GPT) -> PeftModel:
    """Return `base` with the adapters of `model` as a model of peft.

    Queries, keys and values of GPT-2 are one module there, so our adapters are joined into one. Its
    B gets a gradient only within their blocks, as ours do.
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
    """Return every A and B of a peft model by its name in a file."""
    return {
        name.replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def mapped_adapter_tensors(model: GPT, value: Any) -> dict[str, Tensor]:
    """Return a value of each of our A and B, such as its gradient, by the names of peft."""
    layers = lora_layers(model).values()
    before = [(each, each.a.data, each.b.data) for each in layers]
    for layer in layers:
        layer.a.data, layer.b.data = value(layer.a), value(layer.b)
    tensors = as_peft_adapter(model).tensors
    for layer, a, b in before:
        layer.a.data, layer.b.data = a, b
    return tensors


def load_causal_lm(folder: Path) -> PreTrainedModel:
    """Load a transformers model from a folder, in float64."""
    return in_float64(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval())


def load_sequence_classifier(folder: Path) -> PreTrainedModel:
    """Load a model with a head of one output, in float32; its weights come with an adapter."""
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1).eval()


def load_peft_adapter(model: PreTrainedModel, adapter: Path) -> PeftModel:
    """Load the adapter of a folder into a transformers model."""
    with without_peft_warnings():
        return PeftModel.from_pretrained(model, str(adapter)).eval()


def load_causal_lm_with_adapter(folder: Path, adapter: Path) -> PeftModel:
    """Load a model from one folder and its adapter from another, in float64."""
    return load_peft_adapter(load_causal_lm(folder), adapter)


def write_peft_adapter(folder: Path, adapter: Path, **settings: Any) -> PeftModel:
    """Let peft write an adapter with random A and B for the model in a folder; return the model."""
    with without_peft_warnings():
        model = get_peft_model(
            load_causal_lm(folder), TheirConfig(**settings, task_type="CAUSAL_LM")
        )
        for parameter in peft_parameters(model).values():
            nn.init.normal_(parameter, std=0.2)
        model.save_pretrained(str(adapter))
    return model.eval()
