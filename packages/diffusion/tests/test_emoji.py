"""The drawings of emoji: their counts, captions, licences and splits."""

from collections import Counter

import pytest
import torch

from diffusion.data.emoji import (
    FOLDER,
    GROUPS,
    SHEETS,
    STYLES,
    clear_names,
    emoji,
    emoji_names,
    read_sheet,
    split_pairs,
)
from gpt.errors import BadInput


def test_there_are_1499_names_in_eight_groups_each_name_once():
    names = emoji_names()
    assert len(names) == len({each.name for each in names}) == 1_499
    assert Counter(each.group for each in names) == {
        "smileys": 169,
        "people": 340,
        "nature": 151,
        "food": 136,
        "travel": 194,
        "activities": 86,
        "objects": 260,
        "symbols": 163,
    }
    assert set(GROUPS) == {each.group for each in names}


def test_a_name_belongs_to_its_drawing():
    names = [each.name for each in emoji_names()]
    centres = read_sheet("fluent", 32)[:, :, 16, 16]
    red, green, blue = centres[names.index("red apple")]
    assert red > 0.8
    assert max(green, blue) < -0.5
    red, green, blue = centres[names.index("green circle")]
    assert green > max(red, blue) + 0.5
    assert emoji_names()[names.index("red apple")].characters == "\N{RED APPLE}"


@pytest.mark.parametrize(("style", "size"), [(s, size) for s in STYLES for size in SHEETS[s]])
def test_every_drawing_is_on_white_and_is_unlike_all_others_of_its_style(style, size):
    drawings = read_sheet(style, size)
    assert drawings.shape == (1_499, 3, size, size)
    assert drawings.min() >= -1
    assert drawings.max() == 1
    assert len({each.numpy().tobytes() for each in drawings}) == 1_499
    assert (drawings.flatten(1).min(1).values < 0.95).all()  # none is blank


def test_the_large_fluent_drawings_are_those_of_the_small_sheet():
    small, large = read_sheet("fluent", 32), read_sheet("fluent", 64)
    reduced = torch.nn.functional.avg_pool2d(large, 2)
    assert ((small - reduced) ** 2).mean((1, 2, 3)).max() < 0.02


def test_captions_name_the_style_only_among_several():
    assert emoji(names=["red apple"]).captions == ["red apple"]
    both = emoji(("noto", "fluent"), names=["red apple", "fox"])
    assert both.captions == ["noto fox", "noto red apple", "fluent fox", "fluent red apple"]
    assert both.names == ["fox", "red apple"] * 2
    assert both.styles == ["noto"] * 2 + ["fluent"] * 2
    assert [both.label_names[label] for label in both.labels] == ["nature", "food"] * 2
    assert len(emoji(groups=["food"])) == 136


def test_clear_names_exist_and_fewer_of_them_still_cover_the_groups():
    every = clear_names()
    assert len(set(every)) == 240
    assert set(every) <= {each.name for each in emoji_names()}
    group_of = {each.name: each.group for each in emoji_names()}
    assert len({group_of[name] for name in clear_names(60)}) >= 6
    assert set(clear_names(60)) <= set(every)


def test_a_split_by_pairs_keeps_each_name_in_training_and_spreads_over_the_styles():
    drawings = emoji(STYLES, names=clear_names())
    train, held_out = split_pairs(drawings, 0.15, seed=3)
    assert len(held_out) == 108
    assert len(train) == 720 - 108
    assert set(train.captions).isdisjoint(held_out.captions)
    assert set(train.names) == set(clear_names())
    assert Counter(held_out.styles) == dict.fromkeys(STYLES, 36)
    again = split_pairs(drawings, 0.15, seed=3).held_out
    assert again.captions == held_out.captions
    assert split_pairs(drawings, 0.15, seed=4).held_out.captions != held_out.captions
    [row] = [row for row, each in enumerate(drawings.captions) if each == held_out.captions[5]]
    assert held_out.images[5].equal(drawings.images[row])


def test_two_thirds_of_three_styles_can_be_held_out_and_no_more():
    drawings = emoji(STYLES, names=clear_names(30))
    train, _ = split_pairs(drawings, 2 / 3)
    assert sorted(train.names) == sorted(clear_names(30))
    with pytest.raises(BadInput, match="63 held-out pairs; with 3 styles of 30 names, 1 to 60"):
        split_pairs(drawings, 0.7)
    with pytest.raises(BadInput, match="with 1 styles of 30 names"):
        split_pairs(emoji(names=clear_names(30)))


def test_each_style_ships_its_licence_and_the_credits_name_every_sheet():
    texts = {
        path.name: path.read_text("utf-8") for path in FOLDER.iterdir() if "webp" not in path.name
    }
    assert "Copyright (c) Microsoft Corporation" in texts["LICENSE-MIT-fluent.txt"]
    assert "Version 2.0, January 2004" in texts["LICENSE-Apache-2.0-noto.txt"]
    assert "creativecommons.org/licenses/by/4.0" in texts["LICENSE-CC-BY-4.0-twemoji.txt"]
    sheets = [path.name for path in FOLDER.iterdir() if path.name.endswith(".webp")]
    assert sorted(sheets) == sorted(f"{s}-{size}.webp" for s in STYLES for size in SHEETS[s])
    for name in [*sheets, *texts]:
        if name not in ("CREDITS.md", "clear-names.txt", "names.json"):
            assert name in texts["CREDITS.md"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: emoji(("openmoji",)), "there is no style 'openmoji'; the nearest are"),
        (lambda: emoji(("noto",), 64), "noto emoji have 32 pixels, got size 64"),
        (lambda: emoji(size=48), "fluent emoji have 32 and 64 pixels, got size 48"),
        (lambda: emoji(names=["red aple"]), "no emoji 'red aple'; the nearest are red apple"),
        (lambda: emoji(groups=["foods"]), "no group of emoji 'foods'; the nearest are food"),
        (lambda: emoji(()), "1499 names and the styles \\[\\] are left"),
        (lambda: emoji(("noto", "noto")), "give at least one name, and each style once"),
        (lambda: emoji(names=["fox"], groups=["food"]), "0 names and the styles"),
        (lambda: clear_names(0), "n_names must lie between 1 and 240, got 0"),
        (lambda: clear_names(241), "n_names must lie between 1 and 240, got 241"),
    ],
)
def test_a_wrong_choice_is_refused_with_what_exists(call, message):
    with pytest.raises(BadInput, match=message):
        call()
