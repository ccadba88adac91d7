"""One text all the way through a trained model, in eleven stages, from one real forward pass.

Stages 5 to 8 are those of a single block, since all blocks do the same; stage 9 has all of them.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.activations import Point, record_activations
from gpt.inside.attention_maps import recording_kernel_inputs, weights_of_kernel
from gpt.model.gpt import GPT
from gpt.model.rotary import rotary_angles
from gpt.text.tokenizers import Tokenizer, decode, encode_with_prefix


class Stage(NamedTuple):
    """One stage of a trace, with its numbers."""

    title: str
    sentence: str
    """One sentence about this text and this model."""
    values: dict[str, Tensor]
    """The numbers by name; the first axis is the position, or the head where there are heads."""


@dataclass(frozen=True)
class Trace:
    """Eleven stages, from the text to the probabilities of its next token."""

    text: str
    pieces: tuple[str, ...]
    """The text of each token."""
    layer: int
    """The block that stages 5 to 8 show."""
    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        """List the stages, with names and shapes of their numbers."""
        lines = []
        for number, (title, sentence, values) in enumerate(self.stages, start=1):
            shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in values.items())
            lines.append(f"{number:2}. {title}: {sentence}\n    {shapes}")
        return "\n".join(lines)


@torch.no_grad()
def trace_text(model: GPT, tokenizer: Tokenizer, text: str, layer: int = 0) -> Trace:
    """Run the model on a text, and return the numbers of every stage.

    Raises:
        BadInput: the text has no tokens, or the model has no such layer.
    """
    if not 0 <= layer < len(model.blocks):
        raise BadInput(f"layer must lie between 0 and {len(model.blocks) - 1}, got {layer}")
    ids = encode_with_prefix(tokenizer, text)
    if not text:
        raise BadInput("an empty text has no tokens to trace")
    tokens = torch.tensor([ids], device=model.embedding.weight.device)
    with recording_kernel_inputs(model) as kernels:
        activations = record_activations(model, tokens)
    q, k, v, mask = kernels[layer]
    residuals = [activations[Point("residual", each)][0] for each in range(len(kernels) + 1)]
    logits = model.logits(model.final_norm(residuals[-1]))
    probabilities = logits[-1].softmax(dim=-1)
    likeliest = int(probabilities.argmax())

    n_tokens, d_model = residuals[0].shape
    config = model.config
    block: Any = model.blocks[layer]
    attention = activations[Point("attention", layer)][0]
    after_attention = residuals[layer] + attention
    mlp = activations[Point("mlp", layer)][0]
    if config.norm == "post":
        after_attention = block.attention_norm(after_attention)
    in_block = f"in block {layer + 1} of {config.n_layers}"
    stages = (
        Stage(
            "Text",
            f"The text is {len(text.encode())} bytes of UTF-8.",
            {"bytes": torch.tensor(list(text.encode()))},
        ),
        Stage(
            "Tokens",
            f"The tokenizer cuts it into {n_tokens} tokens, each an id below {config.vocab_size}.",
            {"ids": tokens[0]},
        ),
        Stage(
            "Embeddings",
            f"Each id selects a row of {d_model} learned numbers.",
            {"embeddings": model.embedding(tokens)[0]},
        ),
        positions_stage(model, n_tokens),
        Stage(
            "Queries, keys and values",
            f"Each position computes {config.n_heads} queries, and {config.kv_heads} keys and "
            f"values, of width {config.d_head} {in_block}.",
            {"queries": q[0], "keys": k[0], "values": v[0]},
        ),
        Stage(
            "Attention weights",
            f"Each of {config.n_heads} heads compares a query with the keys up to its position, "
            "and a softmax turns the scores into weights that sum to 1.",
            {"weights": weights_of_kernel(q, k, mask)[0]},
        ),
        Stage(
            "Attention output",
            "The weighted means of the values, projected, are added to the residual stream.",
            {"attention": attention, "residual": after_attention},
        ),
        Stage(
            "Feed-forward output",
            f"Through a layer of width {config.d_ff}, each position adds its own output.",
            {"mlp": mlp, "residual": residuals[layer + 1]},
        ),
        Stage(
            "After each block",
            f"{config.n_layers} blocks do the same in turn, each with weights of its own.",
            {"residuals": torch.stack(residuals[1:], dim=1)},  # T L D
        ),
        Stage(
            "Logits",
            f"The product with the head gives each of {config.vocab_size} tokens a score.",
            {"logits": logits},
        ),
        Stage(
            "Next-token probabilities",
            f"A softmax of the last position's scores gives {decode(tokenizer, [likeliest])!r} "
            f"the highest probability, {float(probabilities[likeliest]):.1%}.",
            {"probabilities": probabilities},
        ),
    )
    return Trace(text, tuple(decode(tokenizer, [each]) for each in ids), layer, stages)


def positions_stage(model: GPT, n_tokens: int) -> Stage:
    """Return stage 4: what this model adds, or rotates by, to tell the positions."""
    config, title = model.config, "Positions"
    like = model.embedding.weight
    match config.positions:
        case "learned" | "sinusoidal":
            assert model.positions is not None
            added = model.positions(like.new_zeros(1, n_tokens, config.d_model), slice(0, n_tokens))
            sentence = "A row of numbers for each position is added to the embedding."
            return Stage(title, sentence, {"added": added[0]})
        case "rotary":
            angles = rotary_angles(n_tokens, config.d_head, config.rotary_base)
            sentence = "Queries and keys are rotated by angles proportional to the position."
            return Stage(title, sentence, {"angles": angles.to(like)})
        case "alibi" | "t5":
            assert model.distance_bias is not None
            bias = model.distance_bias(None, n_tokens, n_tokens, like)[0].tril()  # H T T
            sentence = "Every head adds to each score a number that depends only on the distance."
            return Stage(title, sentence, {"bias": bias})
        case "none":
            sentence = "The model gets no positions; only the causal mask tells it the order."
            return Stage(title, sentence, {"positions": torch.arange(n_tokens)})
