"""Prompts as ids: names of classes, or captions of known words."""

import difflib
import json
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from diffusion.data.captions import WordTokenizer
from diffusion.data.image_set import ImageSet
from diffusion.model.flow_model import ConditionKind
from gpt.errors import BadInput
from gpt.runs.progress import report_message


class LabelNames(NamedTuple):
    """Names of the classes of a model."""

    names: tuple[str, ...]

    def encode(self, prompts: list[str]) -> Int[Tensor, "B T"]:
        """Return the id of each prompt, the name or the number of a class.

        Raises:
            BadInput: a prompt is neither.
        """
        return torch.tensor([[self.find(prompt)] for prompt in prompts])

    def find(self, prompt: str) -> int:
        """Return the number of a class by its name or number."""
        if prompt.isdecimal() and int(prompt) < len(self.names):
            return int(prompt)
        if prompt not in self.names:
            close = difflib.get_close_matches(prompt, self.names) or self.names
            raise BadInput(f"there is no class {prompt!r}; try {', '.join(close[:12])}")
        return self.names.index(prompt)

    def to_json(self) -> str:
        """Return the names as JSON."""
        return json.dumps(self.names)


Prompts = LabelNames | WordTokenizer
"""The classes or the words that a model knows."""


def make_prompts(images: ImageSet, condition: ConditionKind) -> Prompts | None:
    """Return the classes or the words of a data set; None for an unconditional model."""
    if condition == "class":
        return LabelNames(images.label_names)
    return WordTokenizer.from_captions(images.captions) if condition == "text" else None


def condition_ids(images: ImageSet, prompts: Prompts | None) -> Int[Tensor, "N T"]:
    """Return the condition of each image as ids; no ids for an unconditional model."""
    if prompts is None:
        return torch.zeros(len(images), 0, dtype=torch.long)
    if isinstance(prompts, LabelNames):
        return images.labels[:, None]
    return prompts.encode(images.captions)


def held_out_ids(images: ImageSet, prompts: Prompts | None) -> Int[Tensor, "N T"]:
    """Return the condition of each held-out image, without words that training does not have."""
    if isinstance(prompts, WordTokenizer):
        return prompts.encode_known(images.captions)
    return condition_ids(images, prompts)


def report_unknown_words(captions: list[str], prompts: Prompts | None) -> None:
    """Tell the user how many held-out captions `encode_known` shortens."""
    n_unknown = prompts.count_unknown(captions) if isinstance(prompts, WordTokenizer) else 0
    if n_unknown:
        report_message(
            f"{n_unknown} of {len(captions)} held-out captions have words that no caption in "
            "training has, or more words; validation leaves these words out"
        )
