"""Reports of samples: perfect samples get full marks, and wrong ones chance or less."""

import pytest
import torch

from diffusion.data.digits import digits
from diffusion.data.emoji import STYLES, clear_names, emoji, split_pairs
from diffusion.data.shape_descriptions import ATTRIBUTES, ShapeDescription, parse_caption
from diffusion.data.shape_split import split_shapes
from diffusion.data.shapes import draw_shapes
from diffusion.evaluation.digits import DigitEvaluator
from diffusion.evaluation.emoji import EmojiEvaluator
from diffusion.evaluation.points import score_points, velocity_errors
from diffusion.evaluation.shapes import score_shapes
from diffusion.flow.guidance import Guidance
from diffusion.flow.labelled_mixture import LabelledMixture
from diffusion.flow.mixture import ring
from gpt.errors import BadInput


def draw_as_described(captions):
    descriptions = [parse_caption(caption) for caption in captions]
    return draw_shapes(descriptions, torch.Generator().manual_seed(0))


def test_shapes_drawn_as_described_are_all_right():
    scores = score_shapes(draw_as_described, 50)
    for rates in (scores.seen, scores.held_out, scores.held_out_pairs):
        assert all(rate.estimate == 1 for rate in rates.values())
    assert scores.chance["shape"] == 1 / 4
    assert scores.chance["all at once"] == 1 / 600
    unseen = {" ".join(map(str, each.pair.values)) for each in split_shapes().held_out}
    assert set(scores.held_out_pairs) <= unseen


def test_one_wrong_attribute_is_counted_where_it_belongs():
    def draw_red(captions):
        found = [vars(parse_caption(caption)) for caption in captions]
        red = [ShapeDescription(**{**each, "colour": "red"}) for each in found]
        return draw_shapes(red, torch.Generator().manual_seed(0))

    seen = score_shapes(draw_red, 100).seen
    assert 0.05 < seen["colour"].estimate < 0.4
    assert seen["all at once"].estimate == seen["colour"].estimate
    for name in ATTRIBUTES.keys() - {"colour"}:
        assert seen[name].estimate == 1


def test_every_combination_occurs_once_before_any_occurs_again():
    drawn = []

    def draw(captions):
        drawn.append(captions)
        return draw_as_described(captions)

    score_shapes(draw, len(split_shapes().held_out))
    assert all(len(set(captions)) == len(captions) for captions in drawn)


def test_a_report_of_nothing_is_refused():
    with pytest.raises(BadInput, match="n must be at least 1, got 0"):
        score_shapes(draw_as_described, 0)
    with pytest.raises(BadInput, match="n must lie between 20 and 450, got 3"):
        DigitEvaluator(*digits(), 3)


@pytest.fixture(scope="module")
def emoji_evaluator():
    split = split_pairs(emoji(STYLES, 32, clear_names(12)))
    return EmojiEvaluator(split.train, split.held_out, judge_steps=150)


def test_true_drawings_of_emoji_get_full_marks_and_count_as_copies(emoji_evaluator):
    drawings = emoji(STYLES, 32, clear_names(12))

    def draw(captions):
        return drawings.images[[drawings.captions.index(caption) for caption in captions]]

    scores = emoji_evaluator.score(draw)
    assert scores.held_out_drawing_top10.estimate == 1
    assert scores.nearer_than_other_styles.estimate == scores.right_style.estimate == 1
    assert scores.copies.estimate == 1
    assert scores.judge.estimate > 0.8
    assert scores.seen_name_top1.estimate > 0.8


def test_a_name_in_another_style_is_the_right_name_but_not_the_true_drawing(emoji_evaluator):
    drawings = emoji(STYLES, 32, clear_names(12))

    def draw_in_another_style(captions):
        rows = []
        for caption in captions:
            style, name = caption.split(" ", 1)
            other = next(each for each in STYLES if each != style)
            rows.append(drawings.captions.index(f"{other} {name}"))
        return drawings.images[rows]

    scores = emoji_evaluator.score(draw_in_another_style)
    assert scores.held_out_name_top1.estimate > 0.6
    assert scores.right_style.estimate == 0
    assert scores.nearer_than_other_styles.estimate <= 0.5  # not farther than itself


def test_blank_images_show_nothing(emoji_evaluator):
    scores = emoji_evaluator.score(lambda captions: torch.ones(len(captions), 3, 32, 32))
    assert scores.seen_name_top1.estimate < 0.3
    assert scores.copies.estimate == 0


@pytest.mark.slow
def test_training_digits_are_real_and_are_copies():
    train, held_out = digits()
    evaluator = DigitEvaluator(train, held_out, 200)
    rows = [
        torch.nonzero(train.labels == label)[row, 0]  # another digit of this label every time
        for row, label in enumerate(evaluator.labels.tolist())
        if row < 100
    ]
    rows += [
        torch.nonzero(train.labels == label)[-row, 0]
        for row, label in enumerate(evaluator.labels.tolist()[100:], 1)
    ]
    scores = evaluator.score(train.images[torch.stack(rows)], Guidance(1.0))
    assert scores.accuracy == 1
    assert scores.coverage > 0.7
    assert scores.frechet < 1.5 * scores.frechet_floor
    assert scores.copies == 1
    assert 0.8 < scores.diversity < 1.2


def test_new_points_of_the_mixture_score_like_real_ones():
    mixture = ring()
    points, components = mixture.sample(500, torch.Generator().manual_seed(1))
    scores = score_points(points, components, mixture, 1.0)
    assert abs(scores.on_component - scores.real_on_component) < 0.02
    assert scores.right_component == 1
    assert abs(scores.energy) < 0.02 and abs(scores.energy_floor) < 0.01
    assert 0.5 < scores.sliced / scores.sliced_floor < 1.5


def test_one_component_for_all_prompts_is_on_a_component_but_far_from_the_ring():
    mixture = ring()
    points = mixture.means[:1] + 0.1 * torch.randn(400, 2)
    scores = score_points(points, torch.arange(400) % 8, mixture, 1.0)
    assert scores.on_component == 1
    assert scores.right_component == 1 / 8
    assert scores.energy > 1 and scores.sliced > 5 * scores.sliced_floor
    assert score_points(points, None, mixture, 1.0).right_component is None


def test_the_true_velocity_has_no_error_and_another_mixture_has_some():
    true, smaller = LabelledMixture(ring()), LabelledMixture(ring(radius=1.0))
    assert velocity_errors(true, true.null, ring(), 200).amax() < 1e-9
    errors = velocity_errors(smaller, smaller.null, ring(), 200)
    assert errors[1:-1].amin() > 0.005
    # at t = 0 and t = 1 the mean noise and the mean of the data decide, both 0 for every ring
    assert errors[[0, -1]].amax() < 1e-9
