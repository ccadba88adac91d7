"""PyTorch versions of the step (float64) and of the optimizers; needs the extra `baselines`."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

try:
    import torch
except ImportError as error:
    raise ImportError(
        "comparisons need the extra baselines; in a clone: "
        "uv pip install -e 'packages/handcalc[baselines]'"
    ) from error

from torch import Tensor
from torch.nn import functional as F

TorchWeights = dict[str, Tensor]
TORCH_VERSION = f"torch {torch.__version__}"


def torch_step(
    weights: dict[str, Any], tokens: list[int], targets: list[int], block: str
) -> tuple[float, dict[str, Any]]:
    """Return the loss, and the gradient of every weight as nested lists."""
    w = {name: torch.tensor(weights[name], dtype=torch.float64) for name in weights}
    for tensor in w.values():
        tensor.requires_grad_()
    x = w["token"][tokens] + w["position"][: len(tokens)]
    logits = torch_block(block, w, x) @ w["head"].T
    loss = F.cross_entropy(logits[: len(targets)], torch.tensor(targets))
    gradients = torch.autograd.grad(loss, list(w.values()))
    lists = [cast(Any, gradient).tolist() for gradient in gradients]
    return loss.item(), dict(zip(w, lists, strict=True))


def torch_block(block: str, w: TorchWeights, x: Tensor) -> Tensor:
    """Return the rows that the head reads; `handcalc.model.transformer` has the equations."""
    if block == "pre-ln":
        x = x + torch_attention(w, torch_norm(w, x, ".0"))
        return torch_norm(w, x + torch_feed_forward(w, torch_norm(w, x, ".1")), ".2")
    if block == "post-ln":
        x = torch_norm(w, x + torch_attention(w, x), ".0")
        return torch_norm(w, x + torch_feed_forward(w, x), ".1")
    m = torch_attention(w, x)
    f = torch_feed_forward(w, m)
    return torch_norm(w, m + f if block == "classic" else x + m + f)


def torch_attention(w: TorchWeights, x: Tensor) -> Tensor:
    """Return causal attention by PyTorch's own kernel, head by head."""
    heads: list[Tensor] = []
    while f"W_Q.{len(heads)}" in w:
        q, k, v = (x @ w[f"W_{letter}.{len(heads)}"] for letter in "QKV")
        heads.append(F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0])
    return torch.cat(heads, dim=-1) @ w["W_O"].T


def torch_feed_forward(w: TorchWeights, x: Tensor) -> Tensor:
    """Return the feed-forward layer, with GELU in its tanh form."""
    return F.linear(F.gelu(F.linear(x, w["W_1"], w["b_1"]), approximate="tanh"), w["W_2"], w["b_2"])


def torch_norm(w: TorchWeights, x: Tensor, suffix: str = "") -> Tensor:
    """Return PyTorch's LayerNorm with the gains and offsets of this suffix."""
    return F.layer_norm(x, x.shape[-1:], w[f"gamma{suffix}"], w[f"beta{suffix}"], eps=1e-5)


class TorchOptimizer:
    """PyTorch's optimizer of a name, with the settings of ours."""

    def __init__(self, name: str, weights: dict[str, Any]) -> None:
        self.w = {
            key: torch.nn.Parameter(torch.tensor(tensor, dtype=torch.float64))
            for key, tensor in weights.items()
        }
        make: dict[str, Callable[..., torch.optim.Optimizer]] = {
            "sgd": partial(torch.optim.SGD, lr=1e-2),
            "momentum": partial(torch.optim.SGD, lr=1e-2, momentum=0.9),
            "adam": partial(torch.optim.Adam, lr=1e-3),
            "adamw": partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.01),
        }
        self.optimizer = make[name](list(self.w.values()))

    def step(self, gradients: dict[str, Any]) -> dict[str, Any]:
        """Take a step along these gradients and return the weights as nested lists."""
        for name, parameter in self.w.items():
            parameter.grad = torch.tensor(gradients[name], dtype=torch.float64)
        self.optimizer.step()
        return {name: cast(Any, parameter).tolist() for name, parameter in self.w.items()}
