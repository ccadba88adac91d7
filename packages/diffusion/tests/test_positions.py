"""Positions of patches: sinusoids, and rotations by row and column."""

import math

import torch

from diffusion.model.positions import GridRotation, GridSinusoids, grid_sinusoids, sinusoids


def test_sinusoids_worked_by_hand():
    found = sinusoids(torch.tensor([0.0, 3.0]), 4)
    expected = [[0, 0, 1, 1], [math.sin(3), math.sin(0.03), math.cos(3), math.cos(0.03)]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_the_first_half_tells_the_column_and_the_second_the_row():
    table = grid_sinusoids(4, 16).view(4, 4, 16)
    assert torch.equal(table[0, :, :8], table[3, :, :8])
    assert torch.equal(table[:, 0, 8:], table[:, 3, 8:])
    assert len(table.view(16, 16).unique(dim=0)) == 16


def test_sinusoids_are_added_and_are_no_weights():
    layer = GridSinusoids(4, 16)
    assert torch.equal(layer(torch.zeros(2, 16, 16))[1], grid_sinusoids(4, 16))
    assert not layer.state_dict()


def test_scores_depend_on_the_distances_in_rows_and_columns_only():
    side, rotate = 6, GridRotation(6, 16)
    q, k = torch.randn(16), torch.randn(16)
    queries, keys = (rotate(each.expand(1, 1, side**2, 16)) for each in (q, k))
    scores = (queries @ keys.mT)[0, 0].view(side, side, side, side)  # row and column of both
    # (row, column) of query and key, each moved two rows down and one column to the right
    for (r, c), (s, d) in [((0, 0), (3, 2)), ((1, 4), (2, 0)), ((3, 3), (0, 1))]:
        moved = scores[r + 2, c + 1, s + 2, d + 1]
        torch.testing.assert_close(moved, scores[r, c, s, d], atol=1e-5, rtol=0)
    one_row, one_column = scores[0, 0, 1, 0], scores[0, 0, 0, 1]
    assert (one_row - one_column).abs() > 1e-2 and (one_row - scores[0, 0, 0, 0]).abs() > 1e-2


def test_a_rotation_keeps_lengths_and_leaves_the_first_patch_alone():
    x = torch.randn(2, 3, 36, 16)
    rotated = GridRotation(6, 16)(x)
    torch.testing.assert_close(rotated.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(rotated[:, :, 0], x[:, :, 0])
