"""handcalc beside gpt: the same tables, and the same model with shared weights, in float64."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from gpt.model import alibi, positions, rotary
from gpt.model.gpt import GPT as TorchGPT
from gpt.model.gpt import GPTConfig
from handcalc.arrays import positions as arrays
from handcalc.arrays.feed_forward import FeedForward
from handcalc.arrays.gpt import GPT, Block, gpt, gpt_step
from handcalc.arrays.heads import Heads
from handcalc.arrays.layers import Norm


@pytest.mark.parametrize("d_model", [1, 6, 7, 64])
def test_waves_are_the_same(d_model: int):
    expected = positions.sinusoids(300, d_model)
    assert_allclose(arrays.sinusoids(300, d_model), expected, rtol=0, atol=1e-10)


def test_turns_of_both_forms_are_the_same():
    x = torch.randn(2, 3, 40, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for base in (10_000.0, 500_000.0):
        angles = rotary.rotary_angles(40, 8, base)
        assert_allclose(arrays.rotary_angles(40, 8, base), angles, rtol=0, atol=1e-10)
        for ours, theirs in (
            (arrays.rotate, rotary.rotate),
            (arrays.rotate_interleaved, rotary.rotate_interleaved),
        ):
            found, _ = ours(x.numpy(), angles.numpy())
            assert_allclose(found, theirs(x, angles), rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_heads", [1, 2, 3, 4, 6, 8, 12, 20])
def test_biases_of_distance_are_the_same_for_any_number_of_heads(n_heads: int):
    assert_allclose(arrays.alibi_slopes(n_heads), alibi.alibi_slopes(n_heads), rtol=0, atol=1e-10)
    expected = alibi.alibi_bias(17, 17, n_heads)
    assert_allclose(arrays.alibi_bias(17, n_heads), expected, rtol=0, atol=1e-10)


V, T, D, H, K = 11, 9, 12, 3, 4
SCHEMES = {
    "learned": lambda model: arrays.Positions(rows=arrays.learned_rows(array(table(model)), T)[0]),
    "sinusoidal": lambda model: arrays.Positions(rows=arrays.sinusoids(T, D)),
    "rotary": lambda model: arrays.Positions(
        rotation=partial(arrays.rotate, angles=arrays.rotary_angles(T, K))
    ),
    "alibi": lambda model: arrays.Positions(bias=arrays.alibi_bias(T, H)),
    "none": lambda model: arrays.Positions(),
}


def table(model: TorchGPT) -> torch.Tensor:
    return model.get_parameter("positions.weight")


def array(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().numpy()


def gradient(parameter: torch.Tensor) -> np.ndarray:
    assert parameter.grad is not None
    return parameter.grad.numpy()


def bundle(model: TorchGPT, what) -> GPT:
    """The weights of a model of gpt as handcalc keeps them, or their gradients."""

    def norm(module) -> Norm:
        return Norm(what(module.gain), what(module.bias))

    def block(module) -> Block:
        w_q, w_k, w_v = what(module.attention.qkv.weight).reshape(3, H, K, D)
        w_o = what(module.attention.output.weight).reshape(D, H, K)
        wide, narrow = module.mlp.widen, module.mlp.narrow
        mlp = FeedForward(
            what(wide.weight), what(wide.bias), what(narrow.weight), what(narrow.bias)
        )
        return Block(
            norm(module.attention_norm), Heads(w_q, w_k, w_v, w_o), norm(module.mlp_norm), mlp
        )

    blocks = tuple(block(module) for module in model.blocks)
    return GPT(
        what(model.embedding.weight), blocks, norm(model.final_norm), what(model.head_weight)
    )


def leaves(weights) -> list[np.ndarray]:
    """All arrays of a bundle."""
    if isinstance(weights, np.ndarray):
        return [weights]
    return [array for part in weights for array in leaves(part)]


@pytest.mark.parametrize("tied_head", [True, False])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_model_is_the_same_with_shared_weights(scheme, tied_head: bool):
    torch.manual_seed(2)
    config = GPTConfig(vocab_size=V, context=T + 2, n_layers=2, n_heads=H, d_model=D, d_ff=20,
                       positions=scheme, tied_head=tied_head)  # fmt: skip
    model = TorchGPT(config).double()
    for parameter in model.parameters():  # gains and offsets too
        parameter.data += 0.2 * torch.randn_like(parameter)
    tokens = torch.randint(V, (2, T + 1))
    before, after = tokens[:, :-1], tokens[:, 1:]

    logits = model(before)
    loss = model(before, targets=after) / after.numel()
    loss.backward()

    given = before.numpy(), after.numpy(), np.ones((2, T), dtype=bool)
    w, scheme_of = bundle(model, array), SCHEMES[scheme](model)
    assert_allclose(gpt(given[0], w, scheme_of)[0], array(logits), rtol=0, atol=1e-10)
    found, w_grad, rows_grad = gpt_step(*given, w, scheme_of)
    assert found == pytest.approx(loss.item(), abs=1e-10)
    if tied_head:
        both = w_grad.token + w_grad.head
        w_grad = w_grad._replace(token=both, head=both)
    if scheme == "learned":
        _, learned_back = arrays.learned_rows(array(table(model)), T)
        expected = gradient(table(model))
        assert_allclose(learned_back(rows_grad), expected, rtol=0, atol=1e-10)
    n_numbers = sum(each.size for each in leaves(w_grad)) - tied_head * V * D
    assert n_numbers == model.n_parameters() - (scheme == "learned") * (T + 2) * D
    for ours, theirs in zip(leaves(w_grad), leaves(bundle(model, gradient)), strict=True):
        assert_allclose(ours, theirs, rtol=0, atol=1e-10)
