"""Shifts, mirror images and tints of training images."""

import torch

from diffusion.data.augmentation import augment, may_flip


def white_with_a_dot(n):
    images = torch.ones(n, 3, 8, 8)
    images[:, :, 4, 2] = -1.0
    return images


def test_a_shift_moves_the_dot_by_at_most_max_shift_and_pads_with_white():
    generator = torch.Generator().manual_seed(0)
    never = torch.zeros(400, dtype=torch.bool)
    moved = augment(white_with_a_dot(400), generator, never, max_shift=2, tint=0.0)
    assert (moved == -1).sum((1, 2, 3)).tolist() == [3] * 400
    assert set(moved.unique().tolist()) == {-1.0, 1.0}
    _, rows, columns = (moved[:, 0] == -1).nonzero().unbind(1)
    assert set(rows.tolist()) == {2, 3, 4, 5, 6}
    assert set(columns.tolist()) == {0, 1, 2, 3, 4}


def test_only_permitted_rows_are_mirrored_and_about_half_of_them():
    generator = torch.Generator().manual_seed(0)
    permitted = torch.arange(1_000) < 600
    mirrored = augment(white_with_a_dot(1_000), generator, permitted, max_shift=0, tint=0.0)
    flipped = mirrored[:, 0, 4, 5] == -1
    assert not flipped[600:].any()
    assert 250 < flipped[:600].sum() < 350


def test_a_tint_leaves_white_white_and_changes_channels_differently():
    images = torch.ones(500, 3, 4, 4)
    images[:, :, :2] = 0.0
    never = torch.zeros(500, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    tinted = augment(images, generator, never, max_shift=0, tint=0.05)
    assert (tinted[:, :, 2:] == 1).all()
    ink = 1 - tinted[:, :, 0, 0]
    torch.testing.assert_close(ink.std(0), torch.full((3,), 0.05), rtol=0.15, atol=0.0)
    first, second = ((ink - ink.mean(0)) / ink.std(0))[:, :2].unbind(1)
    assert abs((first * second).mean()) < 0.15


def test_equal_generators_make_equal_images_inside_the_range():
    images, permitted = torch.rand(20, 3, 32, 32) * 2 - 1, torch.ones(20, dtype=torch.bool)
    once = augment(images, torch.Generator().manual_seed(1), permitted)
    assert once.equal(augment(images, torch.Generator().manual_seed(1), permitted))
    assert not once.equal(augment(images, torch.Generator().manual_seed(2), permitted))
    assert once.min() >= -1
    assert once.max() <= 1


def test_sides_directions_and_writing_are_not_mirrored():
    captions = [
        "red apple",
        "left arrow",
        "noto fox",
        "chart increasing",
        "fluent tear off calendar",
    ]
    assert may_flip(captions).tolist() == [True, False, True, False, False]
