"""1,499 emoji in three styles: a real text-to-image data set that ships with the package.

Fluent (MIT), Noto (Apache 2.0) and Twemoji (CC BY 4.0) draw the same names in three hands, so that
"noto red apple" can be held out while "fluent red apple" and "noto pear" are trained on, and the
true drawing is there to compare with. `emoji_sheets/CREDITS.md` names owners and licences, and
`scripts/rasterise_emoji.mjs` makes the sheets. Of 1,586 emoji in all three sets, it leaves out 83
that consist of writing (keycaps, clock faces, buttons with letters) and 4 that share a drawing with
another name. There are no flags and no skin tones.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from diffusion.data.image_set import ImageSet
from gpt.errors import BadInput

STYLES = ("fluent", "noto", "twemoji")
GROUPS = ("smileys", "people", "nature", "food", "travel", "activities", "objects", "symbols")
SHEETS = {"fluent": (32, 64), "noto": (32,), "twemoji": (32,)}
"""Sizes in pixels of each style."""
N_COLUMNS = 40
"""Drawings per row of a contact sheet."""
FOLDER = files("diffusion.data") / "emoji_sheets"


class EmojiName(NamedTuple):
    """Name, characters and group of an emoji, the same in every style."""

    name: str
    """Unicode name as words, such as "red apple"."""
    characters: str
    """The emoji as text."""
    group: str
    """One of `GROUPS`."""


@dataclass(frozen=True)
class EmojiSet(ImageSet):
    """Emoji whose labels are groups; the caption of a row is its name, after its style."""

    names: list[str]
    """Name of each row."""
    styles: list[str]
    """Style of each row."""

    def select(self, rows: Sequence[int]) -> "EmojiSet":
        """Return the drawings with these row numbers."""
        chosen = super().select(rows)
        return EmojiSet(
            chosen.images,
            chosen.labels,
            chosen.captions,
            chosen.label_names,
            [self.names[row] for row in rows],
            [self.styles[row] for row in rows],
        )


@cache
def emoji_names() -> tuple[EmojiName, ...]:
    """Return all names in the order of the contact sheets: by group, then by name."""
    return tuple(EmojiName(*row) for row in json.loads((FOLDER / "names.json").read_text("utf-8")))


def clear_names(n_names: int = 240) -> list[str]:
    """Return names of concrete, colourful things that 32 pixels show well, spread over the groups.

    The 240 names of `emoji_sheets/clear-names.txt` were chosen by eye: faces and hearts, animals
    and plants, food, vehicles and weather, toys and tools. Fewer names are every second, third, ...
    of them.

    Raises:
        BadInput: n_names is below 1 or above the number of chosen names.
    """
    names = (FOLDER / "clear-names.txt").read_text("utf-8").split("\n")[:-1]
    if not 1 <= n_names <= len(names):
        raise BadInput(f"n_names must lie between 1 and {len(names)}, got {n_names}")
    return [names[row * len(names) // n_names] for row in range(n_names)]


def emoji(
    styles: Sequence[str] = ("fluent",),
    size: int = 32,
    names: Collection[str] | None = None,
    groups: Collection[str] | None = None,
) -> EmojiSet:
    """Return emoji with captions, one style after another.

    Args:
        styles: with several styles, each caption begins with its style ("noto red apple").
        size: 32 pixels, or 64 for Fluent.
        names: names to keep, such as `clear_names()`. Default: all.
        groups: groups to keep. Default: all.

    Raises:
        BadInput: a style, size, name or group does not exist, or nothing is left.
    """
    check_known("style", styles, STYLES)
    check_known("group of emoji", groups or (), GROUPS)
    check_known("emoji", names or (), [each.name for each in emoji_names()])
    kept = [
        row
        for row, each in enumerate(emoji_names())
        if (names is None or each.name in names) and (groups is None or each.group in groups)
    ]
    if not kept or not styles or len(set(styles)) < len(styles):
        raise BadInput(
            f"{len(kept)} names and the styles {list(styles)} are left; "
            "give at least one name, and each style once"
        )
    chosen = [emoji_names()[row] for row in kept]
    labels = torch.tensor([GROUPS.index(each.group) for each in chosen])
    return EmojiSet(
        torch.cat([read_sheet(style, size)[kept] for style in styles]),
        labels.repeat(len(styles)),
        [
            f"{style} {each.name}" if len(styles) > 1 else each.name
            for style in styles
            for each in chosen
        ],
        GROUPS,
        [each.name for each in chosen] * len(styles),
        [style for style in styles for _ in chosen],
    )


def read_sheet(style: str, size: int) -> Float[Tensor, "N 3 height width"]:
    """Return all drawings of a style, in the order of `emoji_names`.

    Raises:
        BadInput: the style does not exist in this size.
    """
    if size not in SHEETS[style]:
        sizes = " and ".join(map(str, SHEETS[style]))
        raise BadInput(f"{style} emoji have {sizes} pixels, got size {size}")
    with (FOLDER / f"{style}-{size}.webp").open("rb") as file, Image.open(file) as sheet:
        pixels = torch.from_numpy(np.array(sheet.convert("RGB")))
    drawings = rearrange(
        pixels,
        "(rows height) (columns width) C -> (rows columns) C height width",
        height=size,
        columns=N_COLUMNS,
    )
    return drawings[: len(emoji_names())].float() / 127.5 - 1


def check_known(noun: str, values: Collection[str], known: Collection[str]) -> None:
    """Refuse the first value that is not known, naming the nearest ones that are.

    Raises:
        BadInput: a value is not among the known ones.
    """
    for value in values:
        if value not in known:
            near = get_close_matches(value, known, 3) or sorted(known)[:8]
            raise BadInput(f"there is no {noun} {value!r}; the nearest are {', '.join(near)}")


class PairSplit(NamedTuple):
    """Drawings to train on, and (name, style) pairs that training never sees."""

    train: EmojiSet
    held_out: EmojiSet


def split_pairs(drawings: EmojiSet, share: float = 0.15, seed: int = 0) -> PairSplit:
    """Hold out (name, style) pairs, so that every name stays in training in another style.

    The names are shuffled, and name i loses style i modulo the number of styles, until `share` of
    all pairs are held out. If every name has lost a style, a second round takes the next style.

    Raises:
        BadInput: there are fewer than two styles, or `share` would take all styles of a name.
    """
    styles = sorted(set(drawings.styles))
    names = sorted(set(drawings.names))
    n_held_out, n_rounds = round(share * len(drawings)), len(styles) - 1
    if n_rounds < 1 or not 0 < n_held_out <= n_rounds * len(names):
        raise BadInput(
            f"a share of {share} of {len(drawings)} pairs is {n_held_out} held-out pairs; with "
            f"{len(styles)} styles of {len(names)} names, 1 to {n_rounds * len(names)} are possible"
        )
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    pairs = [
        (names[row], styles[(place + turn) % len(styles)])
        for turn in range(n_rounds)
        for place, row in enumerate(order)
    ]
    chosen = set(pairs[:n_held_out])
    rows = {False: [], True: []}
    for row, pair in enumerate(zip(drawings.names, drawings.styles, strict=True)):
        rows[pair in chosen].append(row)
    return PairSplit(drawings.select(rows[False]), drawings.select(rows[True]))
