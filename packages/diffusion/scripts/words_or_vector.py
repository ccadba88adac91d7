"""Train with the words of a caption, with its vector, or with both, on the shapes of chapter 7.

    uv run python packages/diffusion/scripts/words_or_vector.py

Ten of the 80 captions, those of blue triangles, are hidden from training. All three models have the
same steps, batches and noise. An image shows the caption whose drawing is nearest to it.
"""

import sys
from dataclasses import dataclass, replace
from typing import Literal

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.data.captions import WordTokenizer
from diffusion.data.shape_descriptions import ATTRIBUTES, ShapeDescription, all_descriptions
from diffusion.data.shapes import draw_shapes
from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.flow.samplers import sample
from diffusion.flow.times import sampling_times
from diffusion.model.conditions import Condition
from diffusion.model.dit import DiTConfig
from diffusion.model.flow_model import FlowModel, FlowModelConfig
from diffusion.training.examples import Examples
from diffusion.training.fit import fit_flow
from diffusion.training.options import DIFFUSION_LOOP, TrainConfig
from gpt.program import Script

Parts = Literal["both", "words", "vector"]
NAMES = list(ATTRIBUTES)[:4]
KNOWN = [
    each
    for each in all_descriptions()
    if each.count == 1 and each.shape in ("circle", "triangle") and each.colour != "purple"
]
HIDDEN = [each for each in KNOWN if (each.shape, each.colour) == ("triangle", "blue")]
TRAINED = [each for each in KNOWN if each not in HIDDEN]
WORDS = replace(WordTokenizer.from_captions([each.caption() for each in KNOWN]), context=16)


@dataclass(frozen=True)
class WordsOrVector:
    """Compare models that get the words of a caption, its vector, or both."""

    steps: int = 280
    """Training steps per model. More learn more and take longer."""
    guidance: float = 1.0
    """Guidance weight. Higher matches the caption better and varies less; 1 is no guidance."""


def run(config: WordsOrVector) -> int:
    """Train three models and print two rows for each."""
    table = Table("caption as", "captions", *NAMES, "all four", box=None)
    for parts in ("vector", "words", "both"):
        model = trained_model(parts, config.steps)
        for name, descriptions in (("trained", 2 * TRAINED), ("hidden", 10 * HIDDEN)):
            rates = agreement(generate(model, descriptions, config.guidance), descriptions)
            table.add_row(parts, name, *(f"{rate:.0%}" for rate in rates))
    Console().print(table)
    return 0


class WordsOnly(nn.Module):
    """A caption condition whose vector is always 0."""

    def __init__(self, condition: nn.Module) -> None:
        super().__init__()
        self.condition, self.null = condition, condition.null

    def forward(self, ids: Tensor) -> Condition:
        """Return the words of each caption."""
        condition = self.condition(ids)
        return condition._replace(vector=torch.zeros_like(condition.vector))


def trained_model(parts: Parts, steps: int) -> FlowModel:
    """Train a small DiT with these parts of the captions."""
    torch.manual_seed(0)
    has_words = parts != "vector"
    network = DiTConfig(3, 10, 2, n_layers=4, d_model=48, d_ff=96, cross_attention=has_words)
    tower = TowerConfig(d_model=32, n_layers=1)
    encoder = CLIPConfig(WORDS.vocab_size, WORDS.context, d_embedding=32, caption_tower=tower)
    model = FlowModelConfig(network, target="x", condition="text", captions=encoder).build()
    if parts == "words":
        model.network.condition = WordsOnly(model.network.condition)  # pyright: ignore
    rates = {"muon_learning_rate": 0.04, "learning_rate": 5e-3}
    loop = replace(DIFFUSION_LOOP, steps=steps, optimizer="muon", ema_decay=0.0, **rates)
    examples = Examples(drawings(60 * TRAINED, seed=0), ids_of(60 * TRAINED))
    for _ in fit_flow(model, examples, TrainConfig(batch_size=64, loop=loop)):
        pass
    return model


def drawings(descriptions: list[ShapeDescription], seed: int) -> Tensor:
    """Return drawings of the descriptions, of 10 x 10 pixels."""
    images = draw_shapes(descriptions, torch.Generator().manual_seed(seed))
    return avg_pool2d(images[:, :, 6:26, 6:26], 2)


def ids_of(descriptions: list[ShapeDescription]) -> Tensor:
    """Return the ids of the captions."""
    return WORDS.encode([each.caption() for each in descriptions])


def generate(model: FlowModel, descriptions: list[ShapeDescription], guidance: float) -> Tensor:
    """Sample an image for each description."""
    noise = torch.randn(len(descriptions), 3, 10, 10, generator=torch.Generator().manual_seed(2))
    velocity = GuidedVelocity(model, ids_of(descriptions), model.null, Guidance(guidance))
    return sample(velocity, noise, sampling_times(20))


def agreement(images: Tensor, descriptions: list[ShapeDescription]) -> list[float]:
    """Return the share of images with the right value of each attribute, and of all four."""
    gallery = drawings(20 * KNOWN, seed=1).flatten(1)
    nearest = torch.cdist(images.flatten(1), gallery).argmin(dim=1)
    found = [KNOWN[row % len(KNOWN)] for row in nearest.tolist()]
    pairs = list(zip(found, descriptions, strict=True))
    same = [[getattr(a, name) == getattr(b, name) for a, b in pairs] for name in NAMES]
    return [sum(each) / len(pairs) for each in [*same, [a == b for a, b in pairs]]]


if __name__ == "__main__":
    sys.exit(Script("words_or_vector", WordsOrVector, run).main())
