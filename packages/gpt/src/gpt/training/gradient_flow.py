r"""Gradient norms at each depth of a fresh model, and what they depend on.

A pre-norm block computes x + f(norm(x)), so its Jacobian is the identity plus a term: the gradient
reaches every depth, whatever f does (He et al. 2016, "Identity Mappings", eq. 5). Without the
addition, the gradient passes through a product of Jacobians. Norms keep the size of that product:
where small weights have made x small, the next norm divides by its scale, and so the gradient grows
by the same factor. Without additions and norms the gradient vanishes. Post-norm also adds, but
multiplies the sum by the Jacobian of a norm (Xiong et al. 2020).

To change one factor at a time, each function below changes one thing of a model that `GPT` has
built; the weights that it drew stay the same.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.attention import AttentionMask
from gpt.model.blocks import PreNormBlock
from gpt.model.cache import LayerCache
from gpt.model.gpt import GPT
from gpt.text.token_files import Batch


class BlockWithoutResidual(nn.Module):
    """A pre-norm block that replaces the residual stream: x = f(norm(x)) instead of x + f(norm(x)).

    It has the weights of the block that it wraps.
    """

    def __init__(self, block: PreNormBlock) -> None:
        super().__init__()
        self.block = block

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        rotate: Callable[[Tensor], Tensor] | None = None,
        mask: AttentionMask = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Compute attention(norm(x)), then mlp(norm(x)), without adding x."""
        block = self.block
        x = block.dropout(block.attention(block.attention_norm(x), rotate, mask, cache))
        return block.dropout(block.mlp(block.mlp_norm(x)))


def remove_residuals(model: GPT) -> None:
    """Replace the blocks of a pre-norm model by blocks without the residual connection.

    Raises:
        BadInput: the model is not pre-norm.
    """
    if model.config.norm != "pre":
        raise BadInput(
            f"only residuals of pre-norm models can be removed, not of {model.config.norm}-norm"
        )
    model.blocks = nn.ModuleList(
        BlockWithoutResidual(block) for block in model.blocks if isinstance(block, PreNormBlock)
    )


def remove_norms(model: GPT) -> None:
    """Replace the norms inside the blocks by the identity; the final norm stays.

    Call this before `remove_residuals`, which wraps the blocks.
    """
    for block in model.blocks:
        block.attention_norm, block.mlp_norm = nn.Identity(), nn.Identity()


@torch.no_grad()
def scale_residual_writes(model: GPT, factor: float) -> None:
    """Multiply the matrices that write into the residual stream, two per block, by a factor.

    sqrt(2 L) undoes the scale 1 / sqrt(2 L) of GPT-2, section 2.3.

    Raises:
        BadInput: the factor is not a positive number.
    """
    if not 0 < factor < float("inf"):
        raise BadInput(f"factor must be a positive number, got {factor}")
    for name, parameter in model.named_parameters():
        if name.endswith(("attention.output.weight", "mlp.narrow.weight")):
            parameter *= factor


class GradientFlow(NamedTuple):
    """Norms of the gradient of the mean loss, by depth."""

    residual: list[float]
    """Gradient norm of the residual stream: before each block, and after the last one."""
    weights: list[float]
    """Gradient norm of all weights of each block together."""


def measure_gradient_flow(model: GPT, batch: Batch) -> GradientFlow:
    """Run one backward pass and return its gradient norms by depth; the weights stay."""
    residuals: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        inputs[0].retain_grad()
        residuals.append(inputs[0])

    observed = [*model.blocks, model.final_norm]
    hooks = [module.register_forward_pre_hook(keep) for module in observed]
    try:
        loss = model(batch.tokens, targets=batch.targets) / batch.targets.numel()
    finally:
        for hook in hooks:
            hook.remove()
    model.zero_grad()
    loss.backward()
    residual = [float(x.grad.norm()) for x in residuals if x.grad is not None]
    weights = [
        float(
            torch.cat([p.grad.flatten() for p in block.parameters() if p.grad is not None]).norm()
        )
        for block in model.blocks
    ]
    model.zero_grad()
    return GradientFlow(residual, weights)
