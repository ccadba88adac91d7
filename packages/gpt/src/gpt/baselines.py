"""The production libraries that our code is compared with; needs the extra `baselines`."""

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, NamedTuple, cast

try:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        BertConfig,
        BertForMaskedLM,
        BloomConfig,
        GPT2Config,
        LlamaConfig,
        MarianConfig,
        MarianMTModel,
        PretrainedConfig,
        PreTrainedModel,
        T5Config,
    )
    from transformers.models.bloom import modeling_bloom as bloom
    from transformers.models.gptj import modeling_gptj as gptj
    from transformers.models.llama import modeling_llama as llama
    from transformers.models.t5 import modeling_t5 as t5
    from transformers.utils import logging as library_messages
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/gpt[baselines]'"
    ) from error

import torch
from torch import nn

from gpt.model.gpt import GPT, GPTConfig
from gpt.pretrained.folders import from_transformers, to_transformers
from gpt.text.bpe import Pair

library_messages.set_verbosity_error()
library_messages.disable_progress_bar()


def library_bpe(
    documents: list[str], vocab_size: int
) -> tuple[list[Pair], Callable[[str], list[int]]]:
    """Train byte-level BPE with the library `tokenizers`; return its merges and its encoder."""
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


def library_model(config: PretrainedConfig, scale: float = 0.05) -> PreTrainedModel:
    """Make a model of transformers whose weights are all random; new gains are 1 and biases 0."""
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn_like(parameter)
    return model


def to_our_model(model: PreTrainedModel) -> GPT:
    """Convert a transformers model to our GPT, copying its weights."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return from_transformers(model.config.to_dict(), weights).eval()


def to_library_model(model: GPT) -> PreTrainedModel:
    """Convert our GPT to a transformers model with the same weights."""
    config, weights = to_transformers(model)
    kind = config.pop("model_type")
    library = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **config))
    missing, unknown = library.load_state_dict(weights, strict=False)
    tied = ["lm_head.weight"] if model.config.tied_head else []
    assert (missing, unknown) == (tied, [])
    return library.eval()


def named_gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the gradients of the last backward pass by name."""
    return {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def library_version(library: str) -> str:
    """Return name and version of an installed library."""
    return f"{library} {installed(library)}"


@contextmanager
def without_future_warnings() -> Iterator[None]:
    """Silence the warnings of transformers about settings that trl and peft still use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


NO_DROPOUT: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
SPECIAL_TOKEN_IDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0}


def small_model(family: str, scale: float = 0.05) -> PreTrainedModel:
    """Make a GPT-2, or a Llama with grouped-query attention, of two layers and 96 tokens."""
    size: dict[str, Any]
    if family == "gpt2":
        size = {"n_positions": 64, "n_embd": 48, "n_layer": 2, "n_head": 4}
        return library_model(
            GPT2Config(vocab_size=96, **size, **NO_DROPOUT, **SPECIAL_TOKEN_IDS), scale
        )
    size = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
    size |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
    return library_model(LlamaConfig(vocab_size=96, **size, **SPECIAL_TOKEN_IDS), scale)


def gpt2_to_train(size: str, meta: bool = False) -> PreTrainedModel:
    """Make a GPT-2 to train: tiny, like a character model on a laptop, or of the small shape."""
    config = GPT2Config(**NO_DROPOUT)
    if size == "tiny":
        shape: dict[str, Any] = {"n_positions": 256, "n_embd": 128, "n_layer": 4, "n_head": 4}
        config = GPT2Config(vocab_size=96, **shape, **NO_DROPOUT, **SPECIAL_TOKEN_IDS)
    with torch.device("meta" if meta else "cpu"):
        return AutoModelForCausalLM.from_config(config).train()


def small_bert(context: int = 24, scale: float = 0.05, **shape: int) -> BertForMaskedLM:
    """Make a BERT without dropout whose weights are all random; by default of two layers."""
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 60}
    dropout: dict[str, Any] = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = BertConfig(
        **size | shape, num_attention_heads=4, max_position_embeddings=context, **dropout
    )
    return perturb(BertForMaskedLM(config), scale)


def small_marian(context: int = 24, scale: float = 0.05, **shape: int) -> MarianMTModel:
    """Make a Marian without dropout whose weights are all random; by default of two layers."""
    size = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "vocab_size": 60}
    size |= {"encoder_ffn_dim": 64, "decoder_ffn_dim": 64} | shape
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    special: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 1}
    special |= {"forced_eos_token_id": None, "dropout": 0.0, "scale_embedding": True}
    config = MarianConfig(**size, **heads, **special, max_position_embeddings=context)
    return perturb(MarianMTModel(config), scale)


def perturb(model: Any, scale: float) -> Any:
    """Add noise to all trained weights, so that no gain of 1 or bias of 0 hides a mistake."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += scale * torch.randn_like(parameter)
    return model.eval()


class LibraryBeams(NamedTuple):
    """Beams of `generate`, the best first: token ids without the start token, and their scores."""

    tokens: list[list[int]]
    scores: list[float]


def generate_beams(
    model: MarianMTModel, source: list[int], n_beams: int, n_tokens: int, length_penalty: float
) -> LibraryBeams:
    """Return all beams of a source, cut after the end token."""
    tokens, generate = torch.tensor([source]), cast(Any, model).generate
    out = generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        num_beams=n_beams,
        num_return_sequences=n_beams,
        max_new_tokens=n_tokens,
        length_penalty=length_penalty,
        early_stopping="never",  # stop when no beam can win, and not by a heuristic
        return_dict_in_generate=True,
        output_scores=True,
    )
    rows = [row[1:] for row in out.sequences.tolist()]
    end = cast(int, model.config.eos_token_id)
    texts = [row[: row.index(end) + 1] if end in row else row for row in rows]
    return LibraryBeams(texts, out.sequences_scores.tolist())


def perturbed_model(vocab_size: int) -> GPT:
    """Make a model like those of `gpt train`, with weights large enough for clear predictions."""
    config = GPTConfig(vocab_size, context=128, n_layers=2, n_heads=4, d_model=64, d_ff=128)
    model = GPT(replace(config, norm_kind="rms", feed_forward="relu2", ff_bias=False)).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def bloom_attention(d_model: int, n_heads: int) -> bloom.BloomAttention:
    """Make an attention layer of Bloom with random weights."""
    config = BloomConfig(hidden_size=d_model, n_head=n_heads, n_layer=1, hidden_dropout=0.0)
    config._attn_implementation = "eager"
    layer = bloom.BloomAttention(config, layer_idx=0).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.1)
    return layer


def bloom_output(layer: bloom.BloomAttention, x: torch.Tensor) -> torch.Tensor:
    """Return the output of the layer for rows without padding."""
    batch, length, _ = x.shape
    distances = bloom.build_alibi_tensor(torch.ones(batch, length), layer.num_heads, x.dtype)
    mask = torch.full((length, length), torch.finfo(x.dtype).min).triu(1)
    mask = mask.expand(batch, 1, -1, -1)
    return layer(x, torch.zeros_like(x), alibi=distances, attention_mask=mask)[0]


def t5_attention(d_model: int, n_heads: int) -> t5.T5Attention:
    """Make the first attention layer of a T5 decoder, which holds the bias of all layers."""
    config = T5Config(d_model=d_model, d_kv=d_model // n_heads, num_heads=n_heads, is_decoder=True)
    config._attn_implementation = "eager"
    layer = t5.T5Attention(config, has_relative_attention_bias=True, layer_idx=0).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.1)
    return layer


def t5_output(layer: t5.T5Attention, x: torch.Tensor) -> torch.Tensor:
    """Return the output of the layer for rows without padding."""
    length = x.shape[1]
    mask = torch.full((length, length), torch.finfo(x.dtype).min).triu(1)[None, None]
    return layer(x, mask=mask)[0]


def library_buckets(
    distance: torch.Tensor, bidirectional: bool, n_buckets: int, max_distance: int
) -> torch.Tensor:
    """Return T5's bucket of each distance from a query back to a key."""
    return t5.T5Attention._relative_position_bucket(
        -distance, bidirectional, n_buckets, max_distance
    )


def library_rotations(x: torch.Tensor, angles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate (batch, heads, positions, width) with Llama's function and with GPT-J's."""
    both = torch.cat([angles, angles], dim=-1)[None]
    halves = llama.apply_rotary_pos_emb(x, x, both.cos(), both.sin())[0]
    x = x.transpose(1, 2)  # GPT-J's layout is (batch, positions, heads, width)
    neighbours = gptj.apply_rotary_pos_emb(x, angles.sin()[None], angles.cos()[None])
    return halves, neighbours.transpose(1, 2)


def generate_new_tokens(
    model: PreTrainedModel, prompts: list[list[int]], n_tokens: int, **settings: Any
) -> list[list[int]]:
    """Return the tokens that `generate` adds to prompts of equal length, the most likely ones.

    Settings such as `do_sample=True, top_k=40` sample with the global generator instead.
    """
    tokens, generate = torch.tensor(prompts, device=model.device), cast(Any, model.generate)
    out = generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=n_tokens,
        eos_token_id=None,
        pad_token_id=0,
        **{"do_sample": False, **settings},
    )
    return out[:, tokens.shape[1] :].tolist()


def load_library_model(
    folder: Path, dtype: torch.dtype = torch.float32
) -> tuple[PreTrainedModel, Callable[[str], list[int]]]:
    """Load model and encoder of a folder with `from_pretrained`."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return model, lambda text: tokenizer(text).input_ids


def load_library_gguf(path: Path) -> tuple[PreTrainedModel, Callable[[str], list[int]]]:
    """Load model and encoder of a GGUF file with `from_pretrained`."""
    source = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(**source)
    return model, lambda text: tokenizer(text).input_ids
