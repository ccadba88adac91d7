"""Rows that compare results: parts of the model, whole models, optimizers, generated text.

Every library model is built from a config, and all of its random weights are perturbed, so that no
gain of 1 or bias of 0 hides a wrong mapping.
"""

import math
import tempfile
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange

from gpt.comparison.rows import (
    ComparisonRow,
    count_unequal,
    max_abs_difference,
    max_abs_difference_by_name,
)
from gpt.generation.generate import generate, generate_batch
from gpt.generation.sampling import greedy_token, sample_token
from gpt.model.alibi import Alibi
from gpt.model.attention import attention, causal_mask
from gpt.model.gpt import GPT
from gpt.model.heads import MultiHeadAttention
from gpt.model.relative_bias import RelativeBias
from gpt.model.rotary import rotary_angles, rotate, rotate_interleaved
from gpt.pretrained.folders import write_model
from gpt.pretrained.weights import weights_from_transformers
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.corpus import python_documentation
from gpt.text.tokenizer_export import write_hugging_face_tokenizer
from gpt.training.adamw import AdamW


def bpe_row() -> ComparisonRow:
    """Compare 2,000 tokens learned from this Python's documentation, and the ids of texts."""
    from gpt import baselines

    documents = python_documentation()[::8]
    ours = BytePairTokenizer.train(documents, 2000)
    merges, encode = baselines.library_bpe(documents, 2000 - 1)
    wrong = count_unequal(ours.merges, merges)
    wrong += sum(count_unequal(ours.encode(text), encode(text)) for text in documents[::5])
    return ComparisonRow("BPE, merges and ids", baselines.library_version("tokenizers"), wrong, 0.0)


def attention_rows() -> list[ComparisonRow]:
    """Compare the equation in float64 with torch's kernel, forward and backward."""
    q, k, v, upstream = torch.randn(4, 2, 3, 40, 16, dtype=torch.float64)
    inputs = [each.requires_grad_() for each in (q, k, v)]
    ours = attention(q, k, v, causal_mask(40, 40)[None, None])
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    gradients = (torch.autograd.grad(each, inputs, upstream) for each in (ours, theirs))
    largest = max(max_abs_difference(a, b) for a, b in zip(*gradients, strict=True))
    library = f"torch {torch.__version__}"
    return [
        ComparisonRow("attention, forward", library, max_abs_difference(ours, theirs), 1e-12),
        ComparisonRow("attention, gradients", library, largest, 1e-12),
    ]


def alibi_row(n_heads: int) -> ComparisonRow:
    """Compare our heads with ALiBi to the attention layer of Bloom with the same weights."""
    from gpt import baselines

    layer = baselines.bloom_attention(d_model=12 * n_heads, n_heads=n_heads)
    ours = MultiHeadAttention(12 * n_heads, n_heads, n_heads, 12, bias=True)
    x = torch.randn(2, 20, 12 * n_heads)
    stacked = "(H three K) ... -> (three H K) ..."  # Bloom stores q, k and v per head
    for kind in ("weight", "bias"):
        theirs = getattr(layer.query_key_value, kind).data
        getattr(ours.qkv, kind).data = rearrange(theirs, stacked, H=n_heads, three=3)
        getattr(ours.output, kind).data = getattr(layer.dense, kind).data
    mask = Alibi(n_heads)(None, 20, 20, x)
    with torch.no_grad():
        largest = max_abs_difference(ours(x, mask=mask), baselines.bloom_output(layer, x))
    name = f"ALiBi, attention of {n_heads} heads"
    return ComparisonRow(name, baselines.library_version("transformers"), largest, 1e-5)


def relative_bias_row(n_heads: int) -> ComparisonRow:
    """Compare our heads with T5's bias to its attention layer, at distances in every bucket."""
    from gpt import baselines

    layer, d_head = baselines.t5_attention(d_model=12 * n_heads, n_heads=n_heads), 12
    ours = MultiHeadAttention(12 * n_heads, n_heads, n_heads, d_head, bias=False)
    # T5 does not divide scores by sqrt(K)
    q, k, v, o = (each.weight.data for each in (layer.q, layer.k, layer.v, layer.o))
    ours.qkv.weight.data, ours.output.weight.data = torch.cat([math.sqrt(d_head) * q, k, v]), o
    bias, x = RelativeBias(n_heads), torch.randn(2, 150, 12 * n_heads)
    bias.weight.data = layer.relative_attention_bias.weight.data
    with torch.no_grad():
        mask = bias(None, 150, 150, x)
        largest = max_abs_difference(ours(x, mask=mask), baselines.t5_output(layer, x))
    name = f"T5 bias, attention of {n_heads} heads"
    return ComparisonRow(name, baselines.library_version("transformers"), largest, 1e-5)


def rotary_rows() -> list[ComparisonRow]:
    """Compare both forms of rotation in float64: halves as in Llama, neighbours as in GPT-J."""
    from gpt import baselines

    x, angles = torch.randn(2, 3, 30, 16, dtype=torch.float64), rotary_angles(30, 16)
    library = baselines.library_version("transformers")
    as_llama, as_gptj = baselines.library_rotations(x, angles)
    halves = max_abs_difference(rotate(x, angles), as_llama)
    pairs = max_abs_difference(rotate_interleaved(x, angles), as_gptj)
    return [
        ComparisonRow("RoPE, halves (Llama)", library, halves, 1e-12),
        ComparisonRow("RoPE, interleaved (GPT-J)", library, pairs, 1e-12),
    ]


def optimizer_rows() -> list[ComparisonRow]:
    """Compare 100 steps with weight decay on the same gradients, in float64."""
    library = f"torch {torch.__version__}"
    settings = {"lr": 1e-2, "weight_decay": 0.1}
    adamw = optimizer_difference(AdamW, torch.optim.AdamW, torch.float64, settings)
    return [ComparisonRow("AdamW, 100 steps", library, adamw, 1e-12)]


def optimizer_difference(
    ours: type, theirs: type, dtype: torch.dtype, settings: dict[str, float]
) -> float:
    """Return the largest difference of a matrix after 100 steps of two optimizers."""
    a = torch.randn(12, 8, dtype=dtype).requires_grad_()
    b = a.detach().clone().requires_grad_()
    optimizers = ours([a], **settings), theirs([b], **settings)
    for _ in range(100):
        a.grad = torch.randn(12, 8, dtype=dtype)
        b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    return max_abs_difference(a, b)


def model_rows(family: str) -> list[ComparisonRow]:
    """Compare logits, gradients and five training steps of a whole model."""
    from gpt import baselines

    library = baselines.small_model(family)
    ours, name = baselines.to_our_model(library), {"gpt2": "GPT-2", "llama": "Llama"}[family]
    tokens, upstream = torch.randint(0, 96, (3, 32)), torch.randn(3, 32, 96)
    theirs, mine = library(tokens).logits, ours(tokens)
    forward = max_abs_difference(mine, theirs)
    (theirs * upstream).mean().backward()
    (mine * upstream).mean().backward()
    expected = weights_from_transformers(baselines.named_gradients(library), ours.config)
    backward = max_abs_difference_by_name(baselines.named_gradients(ours), expected)
    version = baselines.library_version("transformers")
    return [
        ComparisonRow(f"{name}, forward", version, forward, 1e-5),
        ComparisonRow(f"{name}, gradients", version, backward, 1e-6),
        ComparisonRow(
            f"{name}, losses of 5 steps", version, training_difference(ours, library), 1e-5
        ),
    ]


def training_difference(ours: GPT, library: torch.nn.Module) -> float:
    """Return the largest difference of losses while both models train on the same batches."""
    optimizers = [torch.optim.AdamW(each.parameters(), lr=1e-2) for each in (ours, library)]
    largest = 0.0
    for _ in range(5):
        tokens = torch.randint(0, 96, (4, 33))
        mine = F.cross_entropy(ours(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        theirs = library(tokens, labels=tokens).loss
        largest = max(largest, max_abs_difference(mine, theirs))
        for loss, optimizer in zip((mine, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return largest


def text_rows(family: str) -> list[ComparisonRow]:
    """Compare greedy text, sampled text, and greedy text of prompts of different lengths."""
    from gpt import baselines

    library = baselines.small_model(family, scale=0.3)
    ours, version = baselines.to_our_model(library), baselines.library_version("transformers")
    prompt, seeds = [3, 14, 15, 92, 65], range(5)
    greedy = count_unequal(
        generate(ours, prompt, 40, greedy_token),
        baselines.generate_new_tokens(library, [prompt], 40)[0],
    )
    sampled = 0.0
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        sampler = partial(sample_token, temperature=0.9, top_k=40, top_p=0.9, generator=generator)
        torch.manual_seed(seed)
        settings = {"do_sample": True, "temperature": 0.9, "top_k": 40, "top_p": 0.9}
        theirs = baselines.generate_new_tokens(library, [prompt], 40, **settings)[0]
        sampled += count_unequal(generate(ours, prompt, 40, sampler), theirs)
    prompts = [prompt, prompt[:2], prompt[1:]]
    batch = generate_batch(ours, prompts, 30, greedy_token)
    ragged = sum(
        count_unequal(row, baselines.generate_new_tokens(library, [each], 30)[0])
        for row, each in zip(batch, prompts, strict=True)
    )
    name = {"gpt2": "GPT-2", "llama": "Llama"}[family]
    return [
        ComparisonRow(f"{name}, greedy text", version, greedy, 0.0),
        ComparisonRow(f"{name}, text sampled with 5 seeds", version, sampled, 0.0),
        ComparisonRow(f"{name}, greedy text of a ragged batch", version, ragged, 0.0),
    ]


def export_rows() -> list[ComparisonRow]:
    """Compare our model with our exported folder in `from_pretrained`: logits, ids, greedy text."""
    from gpt import baselines

    documents = python_documentation()[:60]
    tokenizer = BytePairTokenizer.train(documents, 400)
    ours = baselines.perturbed_model(tokenizer.vocab_size)
    with tempfile.TemporaryDirectory() as folder:
        write_hugging_face_tokenizer(tokenizer, Path(folder))
        write_model(Path(folder), ours, tokenizer.end_of_text)
        library, encode = baselines.load_library_model(Path(folder))
    text = documents[7][:200]
    tokens = tokenizer.encode(text)
    ids = count_unequal(tokens, encode(text))
    with torch.no_grad():
        logits = max_abs_difference(
            ours(torch.tensor([tokens])), library(torch.tensor([tokens])).logits
        )
    greedy = count_unequal(
        generate(ours, tokens[:9], 40, greedy_token),
        baselines.generate_new_tokens(library, [tokens[:9]], 40)[0],
    )
    version = baselines.library_version("transformers")
    return [
        ComparisonRow("export, logits", version, logits, 1e-5),
        ComparisonRow("export, token ids", version, ids, 0.0),
        ComparisonRow("export, greedy text", version, greedy, 0.0),
    ]
