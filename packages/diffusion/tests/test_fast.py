"""Faster operations compute the same values and gradients."""

import copy

import pytest
import torch

from diffusion.comparison.compared_models import COMPARED_SHAPES, random_batch, random_dit
from diffusion.model.fast import fast_modulate, use_fast_operations
from diffusion.model.modulation import modulate


def test_the_fast_modulation_has_the_values_and_gradients_of_the_equation():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    x, shift, scale, upstream = draw(3, 5, 8), draw(3, 1, 8), draw(3, 1, 8), draw(3, 5, 8)
    inputs = (x, shift, scale)
    plain, fast = (each(*inputs, 1e-5) for each in (modulate, fast_modulate))
    assert "FastModulation" in type(fast.grad_fn).__name__
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-14)
    expected = torch.autograd.grad(plain, inputs, upstream)
    found = torch.autograd.grad(fast, inputs, upstream)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", COMPARED_SHAPES)
def test_fast_operations_change_neither_outputs_nor_gradients(name):
    shape = COMPARED_SHAPES[name]
    torch.manual_seed(0)
    plain, batch = random_dit(shape.config), random_batch(shape)
    fast = copy.deepcopy(plain)
    use_fast_operations(fast)
    outputs = []
    for model in (plain, fast):
        output = model(batch.x[:4], batch.t[:4], batch.ids[:4])
        (output - batch.target[:4]).square().mean().backward()
        outputs.append(output)
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
    for a, b in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-5)
