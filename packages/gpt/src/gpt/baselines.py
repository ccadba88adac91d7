"""The production libraries that ours is compared with; needs the extra `baselines`."""

import json
from collections.abc import Callable

try:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
except ImportError as error:
    raise ImportError("comparisons need: pip install 'insideout-gpt[baselines]'") from error

import torch
from torch import nn

from gpt.model.gpt import GPT
from gpt.pretrained.folders import from_transformers, to_transformers
from gpt.text.bpe import Pair


def library_bpe(
    documents: list[str], vocab_size: int
) -> tuple[list[Pair], Callable[[str], list[int]]]:
    """Byte-level BPE by the library `tokenizers`: its merges as pairs of ids, and its encoder."""
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=0,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(documents, trainer)
    model = json.loads(library.to_str())["model"]
    ids = model["vocab"]
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    return merges, lambda text: library.encode(text).ids


def library_model(config: PretrainedConfig) -> PreTrainedModel:
    """A model of transformers with random weights, all of them: fresh gains are 1 and biases 0."""
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model


def ours_of(model: PreTrainedModel) -> GPT:
    """Our model with copies of its weights."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return from_transformers(model.config.to_dict(), weights).eval()


def library_of(model: GPT) -> PreTrainedModel:
    """The model of transformers with the weights of ours."""
    config, weights = to_transformers(model)
    kind = config.pop("model_type")
    library = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **config))
    missing, unknown = library.load_state_dict(weights, strict=False)
    tied = ["lm_head.weight"] if model.config.tied_head else []
    assert (missing, unknown) == (tied, [])
    return library.eval()


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """What the last backward pass left, by name."""
    return {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
