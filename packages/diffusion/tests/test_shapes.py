"""Images of shapes: descriptions, drawings, the reader that scores models, and the split."""

from collections import Counter

import pytest
import torch

from diffusion.data.shape_descriptions import (
    ATTRIBUTES,
    ShapeDescription,
    all_descriptions,
    parse_caption,
)
from diffusion.data.shape_reading import ShapeAttributes, components, read_shapes
from diffusion.data.shape_split import UNSEEN_PAIRS, split_shapes
from diffusion.data.shapes import AREAS, SIDES, draw_shapes, pixel_coverage, shapes
from gpt.errors import BadInput

RED_CIRCLES = ShapeDescription("circle", "red", "small", "top left", 2)


def wrong(images, descriptions):
    """Descriptions that are not read back from their images."""
    pairs = zip(read_shapes(images), descriptions, strict=True)
    return [(read, each) for read, each in pairs if not all(read.agrees(each).values())]


def test_captions_and_descriptions_are_inverse_and_all_600_differ():
    assert RED_CIRCLES.caption() == "two small red circles at the top left"
    cross = ShapeDescription("cross", "blue", "large", "centre", 3)
    assert cross.caption() == "three large blue crosses in the centre"
    every = all_descriptions()
    assert len({each.caption() for each in every}) == 600
    assert [parse_caption(each.caption()) for each in every] == list(every)


@pytest.mark.parametrize("shape", SIDES)
def test_a_shape_covers_its_area_around_the_middle_of_its_box(shape):
    centre, area = torch.tensor([[16.0, 12.0]]), torch.tensor([144.0])
    [covered] = pixel_coverage(shape, centre, area)
    assert abs(covered.sum() - 144) < 2
    down, right = (covered > 0.1).nonzero().unbind(1)
    side = 12 * SIDES[shape]
    for found, middle in ((right, 16), (down, 12)):
        assert abs((found.min() + found.max() + 1).item() / 2 - middle) <= 0.5
        assert abs(found.max() - found.min() + 1 - side) <= 2


def test_edges_are_blended_by_the_area_that_they_cover():
    [covered] = pixel_coverage(
        "square", torch.tensor([[2.0, 2.25]]), torch.tensor([4.0]), n_pixels=4
    )
    expected = [[0, 0, 0, 0], [0, 0.75, 0.75, 0], [0, 1, 1, 0], [0, 0.25, 0.25, 0]]
    torch.testing.assert_close(covered, torch.tensor(expected))


def test_two_red_circles_are_red_on_white_and_in_the_upper_left():
    [image] = draw_shapes([RED_CIRCLES], torch.Generator().manual_seed(0))
    ink = (1 - image).sum((1, 2))
    red, green, blue = (ink / (2 - torch.tensor([220, 40, 40]) / 127.5)).tolist()
    assert red == pytest.approx(green, rel=1e-4) == pytest.approx(blue, rel=1e-4)
    assert red == pytest.approx(2 * AREAS["small"], rel=0.12)  # twice the area of one
    assert (image[:, :, 24:] == 1).all()
    assert (image[:, 20:] == 1).all()


def test_every_combination_is_read_back_exactly_under_shifts_and_scales():
    descriptions = all_descriptions() * 2
    assert wrong(draw_shapes(descriptions, torch.Generator().manual_seed(5)), descriptions) == []


def test_every_combination_is_read_back_under_noise_and_a_blur():
    descriptions, generator = all_descriptions(), torch.Generator().manual_seed(6)
    images = draw_shapes(descriptions, generator)
    assert wrong(images + 0.1 * torch.randn(images.shape, generator=generator), descriptions) == []
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]).expand(3, 1, 3, 3) / 16
    padded = torch.nn.functional.pad(images, (1,) * 4, value=1.0)
    blurred = torch.nn.functional.conv2d(padded, kernel, groups=3)
    assert len(wrong(blurred, descriptions)) <= 6  # 1 %: a blurred small square is nearly a circle


def test_components_are_numbered_by_what_touches_also_diagonally():
    image = torch.ones(1, 3, 4, 4)
    for down, right in [(0, 0), (1, 1), (3, 3)]:
        image[0, :, down, right] = -1
    [numbers] = components(image)
    assert numbers[0, 0] == numbers[1, 1] > 0
    assert numbers[3, 3] not in (0, numbers[0, 0])
    assert (numbers > 0).sum() == 3


def test_what_has_no_value_or_several_reads_as_none():
    white = torch.ones(3, 32, 32)
    generator = torch.Generator().manual_seed(0)
    red = draw_shapes([ShapeDescription("circle", "red", "small", "top left", 1)], generator)[0]
    blue = draw_shapes([ShapeDescription("cross", "blue", "large", "bottom right", 1)], generator)[
        0
    ]
    ring = white.clone()
    ring[1:, 10:20, 10:20] = -0.7
    ring[1:, 12:18, 12:18] = 1
    nothing, mixed, hollow = read_shapes(torch.stack([white, torch.minimum(red, blue), ring]))
    assert nothing == ShapeAttributes(None, None, None, None, 0)
    assert mixed == ShapeAttributes(None, None, None, "centre", 2)
    assert hollow == ShapeAttributes(None, "red", "large", "centre", 1)
    assert ShapeAttributes("circle", "red", "small", "centre", 1).agrees(RED_CIRCLES) == {
        "shape": True, "colour": True, "size": True, "place": False, "count": False,
    }  # fmt: skip


def test_a_data_set_of_shapes_is_determined_by_its_generator():
    once = shapes(50, all_descriptions(), torch.Generator().manual_seed(1))
    again = shapes(50, all_descriptions(), torch.Generator().manual_seed(1))
    assert once.images.equal(again.images)
    assert once.captions == again.captions
    assert once.images.shape == (50, 3, 32, 32)
    assert -1 <= once.images.min() < once.images.max() == 1
    for label, caption in zip(once.labels, once.captions, strict=True):
        assert once.label_names[label] == parse_caption(caption).shape
    other = shapes(50, all_descriptions(), torch.Generator().manual_seed(2))
    assert not once.images.equal(other.images)


def test_two_drawings_of_one_description_differ():
    first, second = draw_shapes([RED_CIRCLES] * 2, torch.Generator().manual_seed(0))
    assert not first.equal(second)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_has_each_value_often_and_an_unseen_pair_never(seed):
    train, held_out = split_shapes(seed)
    assert len(train) + len(held_out) <= 600
    assert 390 <= len(train) <= 410
    assert len({each.pair for each in held_out}) == sum(UNSEEN_PAIRS.values()) == 6
    assert set(train).isdisjoint(each.description for each in held_out)
    for description, pair in held_out:
        assert pair.is_in(description)
        assert not any(pair.is_in(each) for each in train)
    for name, values in ATTRIBUTES.items():
        counts = Counter(getattr(each, name) for each in train)
        assert min(counts[value] for value in values) >= 40
    assert split_shapes(seed) == (train, held_out)
    assert split_shapes(seed + 10) != (train, held_out)


def test_a_held_out_description_has_exactly_one_unseen_pair():
    _, held_out = split_shapes()
    pairs = {each.pair for each in held_out}
    assert {sum(pair.is_in(each.description) for pair in pairs) for each in held_out} == {1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ShapeDescription("star", "red", "small", "centre", 1), "shape must be .* 'star'"),
        (lambda: ShapeDescription("circle", "red", "small", "centre", 4), "count must be .* got 4"),
        (
            lambda: parse_caption("two small pink circles at the top left"),
            "the words pink are in no caption",
        ),
        (lambda: parse_caption("red two circles"), "'red two circles' .*wrong form"),
        (lambda: shapes(0, all_descriptions(), torch.Generator()), "0 images of 600 descriptions"),
        (lambda: shapes(3, [], torch.Generator()), "3 images of 0 descriptions"),
        (lambda: read_shapes(torch.ones(1, 3, 16, 16)), r"32 x 32 pixels, got \(16, 16\)"),
        (lambda: pixel_coverage("star", torch.ones(1, 2), torch.ones(1)), "shape must be one of"),
    ],
)
def test_what_cannot_be_drawn_or_read_is_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call()
