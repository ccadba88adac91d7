import math

import pytest
import torch

from gpt.training import muon
from gpt.training.muon import Muon, newton_schulz, orthogonalise


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 48, 16), (1, 16, 64), (6, 12, 20)])
def test_after_newton_schulz_every_singular_value_is_near_one(shape):
    values = torch.linalg.svdvals(newton_schulz(torch.randn(shape)))
    before = torch.linalg.svdvals(torch.randn(shape))
    assert (before.amax(-1) / before.amin(-1)).min() > 1.5
    assert values.min() > 0.6 and values.max() < 1.25


def test_the_directions_stay_and_a_singular_value_follows_the_polynomial():
    """Singular values 3 and 4, divided by the norm 5; an iteration maps them to p(0.6), p(0.8)."""
    u, _ = torch.linalg.qr(torch.randn(6, 2, dtype=torch.float64))
    v, _ = torch.linalg.qr(torch.randn(4, 2, dtype=torch.float64))
    s = torch.tensor([0.6, 0.8], dtype=torch.float64)
    expected = u * (3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5) @ v.T
    torch.testing.assert_close(newton_schulz((u * (5 * s) @ v.T)[None], steps=1)[0], expected)


def test_a_matrix_of_zeros_stays_zero():
    assert torch.equal(newton_schulz(torch.zeros(1, 3, 2)), torch.zeros(1, 3, 2))


def test_a_step_by_hand(monkeypatch):
    """Two steps on a 4 x 1 matrix, whose direction is the momentum divided by its length.

    (The polynomial only brings the length near 1, so the test divides exactly.) With mu = 1/2 and
    g = (3, 4, 0, 0): m = g / 2, one step ahead g / 2 + m / 2 = 3/4 g, its direction (.6, .8, 0, 0).
    Decay 1 at learning rate 0.1 leaves 0.9 w; the step has the length 0.1 sqrt(4 / 1) = 0.2. Then,
    with g = (0, 0, 3, 4), m = (.75, 1, 1.5, 2), and one step ahead (.375, .5, 2.25, 3), which has
    the length sqrt(14.453125).
    """
    monkeypatch.setattr(muon, "newton_schulz", lambda m: m / m.norm(dim=(-2, -1), keepdim=True))
    weight = torch.ones(4, 1, requires_grad=True)
    optimizer = Muon([weight], lr=0.1, momentum=0.5, weight_decay=1.0)
    weight.grad = torch.tensor([[3.0], [4.0], [0.0], [0.0]])
    optimizer.step()
    first = torch.tensor([[0.78], [0.74], [0.9], [0.9]])
    torch.testing.assert_close(weight.detach(), first)
    weight.grad = torch.tensor([[0.0], [0.0], [3.0], [4.0]])
    optimizer.step()
    ahead = torch.tensor([[0.375], [0.5], [2.25], [3.0]]) / math.sqrt(14.453125)
    torch.testing.assert_close(weight.detach(), 0.9 * first - 0.2 * ahead)


@pytest.mark.parametrize(("shape", "scale"), [((32, 8), 2), ((8, 8), 1), ((8, 32), 1)])
def test_tall_matrices_take_longer_steps(shape, scale):
    momentum = torch.randn(shape)
    (step,) = orthogonalise([momentum], ())
    assert torch.equal(step, scale * newton_schulz(momentum[None])[0])


@pytest.mark.parametrize("shape", [(24, 8), (8, 24), (8, 8)])
def test_twenty_steps_equal_torchs(shape, monkeypatch):
    """torch computes the products in bf16 even on a CPU, so the test replaces bf16 by fp32."""
    monkeypatch.setattr(torch, "bfloat16", torch.float32)
    ours = torch.randn(shape).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    settings = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.2}
    optimizer, oracle = Muon([ours], **settings), torch.optim.Muon([theirs], **settings)
    for _ in range(20):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        optimizer.step()
        oracle.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_stacked_matrices_are_orthogonalised_separately():
    stacked = torch.zeros(8, 4, requires_grad=True)
    matrices = [torch.zeros(rows, 4, requires_grad=True) for rows in (4, 2, 2)]
    stacked.grad = torch.randn(8, 4)
    for matrix, gradient in zip(matrices, stacked.grad.split((4, 2, 2)), strict=True):
        matrix.grad = gradient.clone()
    Muon([stacked], row_splits=(4, 2, 2)).step()
    Muon(matrices).step()
    torch.testing.assert_close(stacked, torch.cat(matrices))


def test_muon_finds_a_matrix_whose_directions_differ_a_hundredfold():
    """|A (W - W*)|^2, with gradients a hundred times longer in some directions than in others."""
    scales = torch.logspace(0, -1, 8)
    goal, weight = torch.randn(8, 8), torch.zeros(8, 8, requires_grad=True)
    optimizer = Muon([weight], lr=0.1, momentum=0.9)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        loss = (scales[:, None] * (weight - goal)).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (weight - goal).abs().max() < 0.1
