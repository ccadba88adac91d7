"""peft's LoRA around models of transformers; needs the extra `baselines`."""

from functools import wraps
from pathlib import Path
from typing import Any

try:
    from peft import LoraConfig as TheirConfig
    from peft import PeftModel, get_peft_model, set_peft_model_state_dict
    from transformers import (
        AutoModelForCausalLM,
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
from gpt.baselines import to_library_model, without_future_warnings
from gpt.model.gpt import GPT


class ForceFloat64(TorchFunctionMode):
    """Within this mode, calls to torch that ask for float32 get float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make the call with float32 replaced by float64 in its arguments."""
        names, values = (kwargs or {}).keys(), [*args, *(kwargs or {}).values()]
        values = [torch.float64 if each is torch.float32 else each for each in values]
        func = torch.Tensor.double if func is torch.Tensor.float else func
        given, named = values[: len(args)], values[len(args) :]
        return func(*given, **dict(zip(names, named, strict=True)))


def in_float64(model: Any) -> Any:
    """Make a model of transformers or peft compute everything in float64.

    By default Llama computes norms and rotary angles in float32 whatever the format of its
    weights, and that rounding error is larger than the tolerance for adapters.
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
    """Build the peft model of `base` with the adapters of `model`.

    In transformers, GPT-2's queries, keys and values are one module. Separate adapters of ours
    become one block-diagonal adapter there, and entries outside the blocks get no gradient.
    """
    config, tensors, _ = as_peft_adapter(model)
    settings: dict[str, Any] = config | {"inference_mode": False}
    settings.pop("peft_type")
    library: Any = to_library_model(base)
    library.to(base.embedding.weight.dtype)
    with without_future_warnings():
        adapted = get_peft_model(library, TheirConfig(**settings))
        set_peft_model_state_dict(adapted, tensors)
    blocks = mapped_adapter_tensors(model, torch.ones_like)
    for name, parameter in peft_parameters(adapted).items():
        mask = blocks[name].to(parameter)
        if not mask.all():
            parameter.register_hook(lambda gradient, mask=mask: gradient * mask)
    return adapted


def peft_parameters(model: PeftModel) -> dict[str, Tensor]:
    """Trainable A and B of a peft model, under their names in an adapter file."""
    return {
        name.replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def mapped_adapter_tensors(model: GPT, value: Any) -> dict[str, Tensor]:
    """Our `value(parameter)` for each A and B (its gradient, say), under peft's names."""
    layers = lora_layers(model).values()
    kept = [(each, each.a.data, each.b.data) for each in layers]
    for layer in layers:
        layer.a.data, layer.b.data = value(layer.a), value(layer.b)
    tensors = as_peft_adapter(model).tensors
    for layer, a, b in kept:
        layer.a.data, layer.b.data = a, b
    return tensors


def load_causal_lm(folder: Path) -> PreTrainedModel:
    """Load the transformers model in a folder, in float64."""
    return in_float64(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval())


def load_peft_adapter(model: PreTrainedModel, adapter: Path) -> PeftModel:
    """Load an adapter onto a model."""
    with without_future_warnings():
        return PeftModel.from_pretrained(model, str(adapter)).eval()


def write_peft_adapter(folder: Path, adapter: Path, **settings: Any) -> PeftModel:
    """Let peft write a new adapter, with random A and B, for the model in a folder."""
    with without_future_warnings():
        model = get_peft_model(
            load_causal_lm(folder), TheirConfig(**settings, task_type="CAUSAL_LM")
        )
        for parameter in peft_parameters(model).values():
            nn.init.normal_(parameter, std=0.2)
        model.save_pretrained(str(adapter))
    return model.eval()
