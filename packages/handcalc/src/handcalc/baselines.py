"""PyTorch's twin of the step, in float64, and its optimizers; needs the extra `baselines`."""

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

Weights = dict[str, Tensor]


def version() -> str:
    """PyTorch's."""
    return f"torch {torch.__version__}"


def torch_step(
    weights: dict[str, Any], tokens: list[int], targets: list[int], block: str
) -> tuple[float, dict[str, Any]]:
    """The loss, and the gradient of every weight as nested lists."""
    w = {name: torch.tensor(weights[name], dtype=torch.float64) for name in weights}
    for tensor in w.values():
        tensor.requires_grad_()
    x = w["token"][tokens] + w["position"][: len(tokens)]
    logits = TWINS[block](w, x) @ w["head"].T
    loss = F.cross_entropy(logits[: len(targets)], torch.tensor(targets))
    gradients = torch.autograd.grad(loss, list(w.values()))
    return loss.item(), dict(zip(w, map(lists, gradients), strict=True))


def lists(tensor: Tensor) -> Any:
    """Nested lists."""
    return cast(Any, tensor).tolist()


def attention(w: Weights, x: Tensor) -> Tensor:
    """Causal attention by torch's own kernel, head by head."""
    heads: list[Tensor] = []
    while f"W_Q.{len(heads)}" in w:
        q, k, v = (x @ w[f"W_{letter}.{len(heads)}"] for letter in "QKV")
        heads.append(F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0])
    return torch.cat(heads, dim=-1) @ w["W_O"].T


def feed_forward(w: Weights, x: Tensor) -> Tensor:
    """With GELU in its tanh form."""
    return F.linear(F.gelu(F.linear(x, w["W_1"], w["b_1"]), approximate="tanh"), w["W_2"], w["b_2"])


def norm(w: Weights, x: Tensor, n: str = "") -> Tensor:
    """Torch's LayerNorm."""
    return F.layer_norm(x, x.shape[-1:], w[f"gamma{n}"], w[f"beta{n}"], eps=1e-5)


def classic(w: Weights, x: Tensor) -> Tensor:
    """N = LN(M + F)."""
    m = attention(w, x)
    return norm(w, m + feed_forward(w, m))


def residual(w: Weights, x: Tensor) -> Tensor:
    """N = LN(X + M + F)."""
    m = attention(w, x)
    return norm(w, x + m + feed_forward(w, m))


def post_ln(w: Weights, x: Tensor) -> Tensor:
    """A norm after each residual."""
    x = norm(w, x + attention(w, x), ".0")
    return norm(w, x + feed_forward(w, x), ".1")


def pre_ln(w: Weights, x: Tensor) -> Tensor:
    """A norm before each layer, and one at the end."""
    x = x + attention(w, norm(w, x, ".0"))
    return norm(w, x + feed_forward(w, norm(w, x, ".1")), ".2")


TWINS = {"classic": classic, "residual": residual, "post-ln": post_ln, "pre-ln": pre_ln}


class TorchOptimizer:
    """One of torch's optimizers, with the settings of ours of that name."""

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

    def move(self, gradients: dict[str, Any]) -> dict[str, Any]:
        """The weights after a step along these gradients, as nested lists."""
        for name, parameter in self.w.items():
            parameter.grad = torch.tensor(gradients[name], dtype=torch.float64)
        self.optimizer.step()
        return {name: lists(parameter) for name, parameter in self.w.items()}
