"""The step and the optimizers beside PyTorch, in float64."""

import pytest

from handcalc.gradients.check import TARGETS, TOKENS
from handcalc.model.blocks import BLOCKS
from handcalc.model.step import backward, forward
from handcalc.model.weights import Shape, drawn, numbers
from handcalc.training.optimizers import OPTIMIZERS

torch = pytest.importorskip("torch", reason="baselines: needs the extra baselines")
F = torch.nn.functional
pytestmark = pytest.mark.baselines


def attention(w, x):
    heads = []
    for h in range(2):
        q, k, v = (x @ w[f"W_{letter}.{h}"] for letter in "QKV")
        heads.append(F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0])
    return torch.cat(heads, dim=-1) @ w["W_O"].T


def feed_forward(w, x):
    return F.linear(F.gelu(F.linear(x, w["W_1"], w["b_1"]), approximate="tanh"), w["W_2"], w["b_2"])


def norm(w, x, n=""):
    return F.layer_norm(x, (16,), w[f"gamma{n}"], w[f"beta{n}"], eps=1e-5)


def classic(w, x):
    m = attention(w, x)
    return norm(w, m + feed_forward(w, m))


def residual(w, x):
    m = attention(w, x)
    return norm(w, x + m + feed_forward(w, m))


def post_ln(w, x):
    x = norm(w, x + attention(w, x), ".0")
    return norm(w, x + feed_forward(w, x), ".1")


def pre_ln(w, x):
    x = x + attention(w, norm(w, x, ".0"))
    return norm(w, x + feed_forward(w, norm(w, x, ".1")), ".2")


TWINS = {"classic": classic, "residual": residual, "post-ln": post_ln, "pre-ln": pre_ln}


@pytest.mark.parametrize("block", BLOCKS)
def test_loss_and_gradients_equal_those_of_torch(block):
    weights = drawn(Shape(), block)
    c = forward(weights, TOKENS, TARGETS, block)
    backward(c, block)
    w = {
        name: torch.tensor(weights[name], dtype=torch.float64, requires_grad=True)
        for name in weights
    }
    x = w["token"][TOKENS] + w["position"]
    logits = TWINS[block](w, x) @ w["head"].T
    loss = F.cross_entropy(logits[:4], torch.tensor(TARGETS))
    loss.backward()
    assert c.values["loss"] == pytest.approx(loss.item(), abs=1e-12)
    for name in weights:
        expected = w[name].grad.flatten().tolist()
        assert numbers(c.values[f"{name}.grad"]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_of_an_optimizer_equal_torchs(name):
    theirs = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours, memory = theirs.tolist(), None
    parameter = torch.nn.Parameter(theirs)
    optimizer = {
        "sgd": lambda p: torch.optim.SGD(p, lr=1e-2),
        "momentum": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
        "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01),
    }[name]([parameter])
    for step in range(1, 21):
        gradient = torch.sin(parameter.detach() * step)  # another one at every step
        parameter.grad = gradient
        optimizer.step()
        ours, memory = OPTIMIZERS[name](ours, gradient.tolist(), memory, step)
        assert numbers(ours) == pytest.approx(parameter.flatten().tolist(), abs=1e-12)
