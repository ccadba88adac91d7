r"""Direct logit attribution: how much each head and each feed-forward layer adds to a logit.

The residual stream after the last block is a sum: x = sum_c c, over the embedding, the output of
every head, every bias and every feed-forward layer. The final norm is linear once its scale is
fixed, so the logit of token v is a sum as well:

logit_v = sum_c c . d + W_v . b + b_v
d = (g W_v - mean(g W_v)) / sqrt(variance(x) + eps)    with a LayerNorm of gain g and bias b
d = g W_v / sqrt(mean(x^2) + eps)                      with an RMSNorm

W_v is the row of v in the head, and b_v its bias (Elhage et al. 2021, "A Mathematical Framework
for Transformer Circuits", section "Residual stream"; Wang et al. 2023, section 3.1).

Variance and mean square are those of the real forward pass, whatever part of x is looked at: only
then do the parts add up to the logit. The logit lens asks what the model would say if it stopped
early, and must therefore normalise what has been added so far; its parts don't sum to anything.

A head also acts through the layers that read its output. That indirect effect is not in these
numbers; `patching` measures it.
"""

from typing import Any, NamedTuple

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Tensor

from gpt.errors import BadInput
from gpt.inside.activations import Point, record_activations
from gpt.model.gpt import GPT
from gpt.model.norms import LayerNorm


class Attribution(NamedTuple):
    """Contributions to the logit of one token per position."""

    embedding: Float[Tensor, "B T"]
    """The embedding of the token that is read at the position."""
    positions: Float[Tensor, "B T"]
    """The position embedding; zero where positions are not added."""
    heads: Float[Tensor, "L H B T"]
    """The output of each head, through its slice of the output projection."""
    attention_biases: Float[Tensor, "L B T"]
    """The bias of each output projection, which belongs to no single head."""
    mlps: Float[Tensor, "L B T"]
    """The output of each feed-forward layer, with its bias."""
    constant: Float[Tensor, "B T"]
    """The biases of the final norm and of the head, which no text changes."""

    def total(self) -> Float[Tensor, "B T"]:
        """Sum all contributions; this is the logit."""
        layers = self.heads.sum(dim=(0, 1)) + (self.attention_biases + self.mlps).sum(dim=0)
        return self.embedding + self.positions + layers + self.constant

    def minus(self, other: "Attribution") -> "Attribution":
        """Return the contributions to the difference of two logits."""
        return Attribution(*(a - b for a, b in zip(self, other, strict=True)))


@torch.no_grad()
def logit_attribution(
    model: GPT, tokens: Int[Tensor, "B T"], targets: Int[Tensor, "B T"]
) -> Attribution:
    """Attribute the logit of `targets[:, t]` at position t to the parts of a pre-norm model.

    Raises:
        BadInput: the model normalises after each block, or drops numbers at random.
    """
    if model.config.norm == "post":
        raise BadInput(
            "a post-norm model rescales its residual stream in every block, so a logit is not a "
            "sum of the layers' outputs; logit attribution needs a pre-norm model"
        )
    if model.training and model.config.dropout:
        raise BadInput(
            f"the model is in training mode with dropout {model.config.dropout}, so its parts "
            "don't add up; call model.eval() first"
        )
    activations = record_activations(model, tokens)
    n_layers, first = len(model.blocks), activations[Point("residual", 0)]
    d = logit_direction(model, activations[Point("residual", n_layers)], targets)

    def dot(part: Float[Tensor, "*B D"]) -> Float[Tensor, "B T"]:
        return (part * d).sum(dim=-1)

    embedding = dot(model.embedding(tokens))
    heads, attention_biases, mlps = [], [], []
    blocks: list[Any] = [*model.blocks]
    for layer, block in enumerate(blocks):
        output = block.attention.output
        weight = rearrange(output.weight, "D (H K) -> D H K", H=model.config.n_heads)
        read = einsum(d, weight, "B T D, D H K -> B T H K")  # d through the output projection
        heads.append(einsum(activations[Point("heads", layer)], read, "B T H K, B T H K -> H B T"))
        attention_biases.append(
            torch.zeros_like(embedding) if output.bias is None else dot(output.bias)
        )
        mlps.append(dot(activations[Point("mlp", layer)]))
    return Attribution(
        embedding=embedding,
        positions=dot(first) - embedding,
        heads=torch.stack(heads),
        attention_biases=torch.stack(attention_biases),
        mlps=torch.stack(mlps),
        constant=logit_constant(model, targets),
    )


def logit_direction(
    model: GPT, x: Float[Tensor, "B T D"], targets: Int[Tensor, "B T"]
) -> Float[Tensor, "B T D"]:
    """Return d: the dot product of any part of x with it is the part's share of the logit."""
    norm: Any = model.final_norm
    d = norm.gain * model.head_weight[targets]
    if isinstance(norm, LayerNorm):
        # subtracting the mean from d is the same as subtracting it from each part
        d = d - d.mean(dim=-1, keepdim=True)
        square = x.var(dim=-1, correction=0, keepdim=True)
    else:
        square = x.square().mean(dim=-1, keepdim=True)
    return d * torch.rsqrt(square + norm.eps)


def logit_constant(model: GPT, targets: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Return W_v . b + b_v, what a logit has before the model reads anything."""
    constant = torch.zeros_like(targets, dtype=model.head_weight.dtype)
    if isinstance(model.final_norm, LayerNorm):
        constant = constant + model.head_weight[targets] @ model.final_norm.bias
    return constant if model.head_bias is None else constant + model.head_bias[targets]
