"""The loss at the head compared with torch's, in value and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F

from gpt.model.fast import head_loss as module
from gpt.model.fast.head_loss import fast_linear_cross_entropy, linear_cross_entropy_per_token
from gpt.model.loss import linear_cross_entropy

ROWS, WIDTH, VOCABULARY = 14, 6, 11


def inputs(bias: bool) -> list[torch.Tensor | None]:
    x = torch.randn(2, ROWS // 2, WIDTH, dtype=torch.float64)
    weight, offset = torch.randn(VOCABULARY, WIDTH).double(), torch.randn(VOCABULARY).double()
    return [x.requires_grad_(), weight.requires_grad_(), offset.requires_grad_() if bias else None]


def loss_and_gradients(loss, leaves):
    value = 0.3 * loss
    return [value, *torch.autograd.grad(value, [leaf for leaf in leaves if leaf is not None])]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("at_once", [1, 4 * VOCABULARY, 5 * VOCABULARY + 3, 2**26])
def test_it_equals_torchs_cross_entropy(monkeypatch, bias, at_once):
    monkeypatch.setattr(module, "LOGITS_PER_CHUNK", at_once)
    leaves, targets = inputs(bias), torch.randint(0, VOCABULARY, (2, ROWS // 2))
    logits = F.linear(*leaves).flatten(0, 1)
    expected = F.cross_entropy(logits, targets.flatten(), reduction="sum")
    assert torch.equal(linear_cross_entropy(*leaves, targets), expected)
    ours = fast_linear_cross_entropy(*leaves, targets)
    for a, b in zip(
        loss_and_gradients(ours, leaves), loss_and_gradients(expected, leaves), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_three_scores_by_hand():
    # scores 0, 0 and ln 2: probabilities 1/4, 1/4, 1/2
    x, weight = torch.ones(1, 1, 1), torch.tensor([[0.0], [0.0], [math.log(2)]])
    loss = fast_linear_cross_entropy(
        x.requires_grad_(), weight.requires_grad_(), None, torch.tensor([[2]])
    )
    loss.backward()
    assert loss.item() == pytest.approx(0.6931, abs=1e-4)  # -ln(1/2)
    assert weight.grad.flatten().tolist() == pytest.approx([0.25, 0.25, -0.5], abs=1e-4)


def test_the_loss_of_an_impossible_target_is_exact():
    x, weight = torch.ones(1, 1, 1), torch.tensor([[0.0], [300.0]])
    assert (
        fast_linear_cross_entropy(x, weight, None, torch.tensor([[0]])).item() == 300
    )  # e^-300 is 0 in fp32


def test_a_second_backward_pass_is_refused():
    x = torch.randn(1, 3, 4).requires_grad_()
    loss = fast_linear_cross_entropy(x, torch.randn(5, 4), None, torch.tensor([[0, 1, 2]]))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward"):
        loss.backward()


def test_half_formats_use_torchs_cross_entropy():
    x, weight = torch.randn(1, 3, 4).requires_grad_(), torch.randn(5, 4).requires_grad_()
    targets = torch.tensor([[0, 1, 2]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = fast_linear_cross_entropy(x.bfloat16(), weight, None, targets)
    assert loss.dtype == torch.float32
    assert (
        fast_linear_cross_entropy(x.bfloat16(), weight.bfloat16(), None, targets).dtype
        == torch.float32
    )
    torch.testing.assert_close(
        loss, fast_linear_cross_entropy(x, weight, None, targets), rtol=0.05, atol=0.05
    )


def test_without_gradients_it_is_the_same_sum():
    x, weight = torch.randn(1, 3, 4).double(), torch.randn(5, 4).double().requires_grad_()
    targets = torch.tensor([[0, 1, 2]])
    with torch.no_grad():
        loss = fast_linear_cross_entropy(x, weight, None, targets)
    assert loss.dtype == torch.float64 and not loss.requires_grad
    torch.testing.assert_close(loss, fast_linear_cross_entropy(x, weight, None, targets).detach())


def test_a_frozen_head_gets_no_gradient_and_the_rows_the_same():
    x, weight = torch.randn(1, 3, 4).requires_grad_(), torch.randn(5, 4).requires_grad_()
    targets = torch.tensor([[0, 1, 2]])
    (expected,) = torch.autograd.grad(fast_linear_cross_entropy(x, weight, None, targets), x)
    loss = fast_linear_cross_entropy(x, weight.requires_grad_(False), None, targets)
    assert loss.grad_fn.gradients[1] is None  # not even computed
    loss.backward()
    torch.testing.assert_close(x.grad, expected, rtol=0, atol=0)


def test_a_second_derivative_is_refused():
    x = torch.randn(1, 3, 4).requires_grad_()
    loss = fast_linear_cross_entropy(x, torch.randn(5, 4), None, torch.tensor([[0, 1, 2]]))
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(loss, x, create_graph=True)


@pytest.mark.parametrize("bias", [False, True])
def test_the_losses_of_single_tokens_equal_torchs_when_every_row_has_its_own_weight(bias):
    leaves, targets = inputs(bias), torch.randint(0, VOCABULARY, (ROWS,))
    x, weight, offset = leaves
    expected = F.cross_entropy(F.linear(x, weight, offset).flatten(0, 1), targets, reduction="none")
    ours = linear_cross_entropy_per_token(x.flatten(0, 1), weight, offset, targets)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn(ROWS).double()  # of both signs, as in a preference
    for a, b in zip(
        loss_and_gradients((weights * ours).sum(), leaves),
        loss_and_gradients((weights * expected).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_single_tokens_without_gradients_are_the_same_numbers():
    x, weight, targets = torch.randn(5, 4), torch.randn(7, 4), torch.randint(0, 7, (5,))
    with torch.no_grad():
        still = linear_cross_entropy_per_token(x, weight, None, targets)
    torch.testing.assert_close(linear_cross_entropy_per_token(x, weight, None, targets), still)


def test_a_second_backward_pass_through_single_tokens_is_refused():
    loss = linear_cross_entropy_per_token(
        torch.randn(3, 4).requires_grad_(), torch.randn(5, 4), None, torch.arange(3)
    )
    loss.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward"):
        loss.sum().backward()
