"""The file of a CLIP: its weights with its config and the words of its captions."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from diffusion.clip.config import CLIPConfig
from diffusion.clip.towers import CLIP
from diffusion.weight_files import read_weights, write_weights
from gpt.errors import BadInput
from gpt.files import JsonObject


class TrainedCLIP(NamedTuple):
    """A CLIP with the tokenizer of its captions and a description of its training."""

    clip: CLIP
    words: JsonObject
    """The tokenizer of the captions, as JSON."""
    about: JsonObject


def save_clip(path: Path, clip: CLIP, words: JsonObject, about: JsonObject) -> None:
    """Write a CLIP with the tokenizer of its captions and a description of its training."""
    about = about | {"model": asdict(clip.config), "words": words}
    write_weights(path, "clip", about, clip.state_dict())


def load_clip(path: Path) -> TrainedCLIP:
    """Read a CLIP with the tokenizer of its captions and the description of its training.

    Raises:
        BadInput: there is no such file, or it is damaged or contains another model.
    """
    about, weights = read_weights(path, "clip")
    try:
        words = about.pop("words")
        clip = CLIP(CLIPConfig.from_dict(about.pop("model")))
        clip.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{str(path)!r} is damaged: its weights do not fit its config") from error
    return TrainedCLIP(clip.eval(), words, about)
