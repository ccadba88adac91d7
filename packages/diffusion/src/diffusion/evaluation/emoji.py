"""Measures of generated emoji, which captions request by name and style.

Two judges learn from real drawings only: one tells names apart, the other single drawings. Neither
is the CLIP whose encoder the model may use. Pairs of name and style that training never shows have
a true drawing to compare with: the sample should be nearer to it than the same name in another
style is.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffusion.data.augmentation import augment
from diffusion.data.emoji import EmojiSet
from diffusion.evaluation.shapes import DrawCaptions
from diffusion.metrics.copies import augmentation_copies
from diffusion.metrics.name_judge import train_judge
from diffusion.metrics.retrieval import farther_others, most_like_truth, name_scores, ranks, top_k
from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, wilson_interval

JUDGE_SHIFT = 2
"""Largest shift in pixels that the judges should not mind."""


@dataclass(frozen=True)
class EmojiScores:
    """Shares of samples that show what their caption says, with 95 % intervals."""

    judge: Interval
    """Augmented real drawings whose name the judge ranks first."""
    seen_name_top1: Interval
    """Samples of training pairs whose name the judge ranks first."""
    held_out_name_top1: Interval
    """Samples of held-out pairs whose name the judge ranks first."""
    held_out_drawing_top10: Interval
    """Samples of held-out pairs whose true drawing is among the ten nearest of all drawings."""
    nearer_than_other_styles: Interval
    """Share of a held-out name's other drawings that are farther from the true drawing than the
    sample is. A drawing in another style has about one half."""
    right_style: Interval
    """Samples of held-out pairs that are nearer to the true drawing than to the name's others;
    chance is one third with three styles."""
    copies: Interval
    """Samples of training pairs nearer to a training drawing than its own augmentations are."""


class EmojiEvaluator:
    """The judges, trained once on real drawings, and the pairs that samples are drawn for."""

    def __init__(self, train: EmojiSet, held_out: EmojiSet, judge_steps: int = 1200) -> None:
        if len(set(train.styles)) < 2:
            raise BadInput("emoji are evaluated with several styles, which only 32 pixels have")
        self.train, self.held_out = train, held_out
        self.names = sorted(set(train.names))
        self.images = torch.cat([train.images, held_out.images])
        self.ids = torch.cat([self.name_ids(train), self.name_ids(held_out)])
        generator = torch.Generator().manual_seed(0)
        self.name_judge = train_judge(self.images, self.ids, shift_and_tint, generator, judge_steps)
        # a judge of names has learned to ignore the style, so distances are measured by another
        drawings = torch.arange(len(self.images))
        self.drawing_judge = train_judge(
            self.images, drawings, shift_and_tint, generator, judge_steps
        )

    def name_ids(self, drawings: EmojiSet) -> Int[Tensor, " N"]:
        """Return the number of each drawing's name."""
        return torch.tensor([self.names.index(name) for name in drawings.names])

    def score(self, draw: DrawCaptions) -> EmojiScores:
        """Draw every training and every held-out pair once, and measure the samples."""
        seen, unseen = draw(self.train.captions), draw(self.held_out.captions)
        generator = torch.Generator().manual_seed(1)
        augmented = shift_and_tint(self.images, generator)
        real_ranks = self.name_judge.rank_names(augmented, self.ids)
        seen_ranks = self.name_judge.rank_names(seen, self.name_ids(self.train))
        unseen_ranks = self.name_judge.rank_names(unseen, self.name_ids(self.held_out))
        copies = augmentation_copies(
            seen, self.train.images, self.held_out.images, shift_and_tint, generator
        ).samples
        samples = self.drawing_judge.features(unseen)
        drawings = self.drawing_judge.features(self.images)
        rows = torch.arange(len(self.train), len(self.images))
        scores = name_scores(samples, drawings, torch.arange(len(drawings)), len(drawings))
        truth, others = drawings[rows], drawings[self.other_styles(rows)]
        nearer = farther_others(samples, truth, others).mean().item()
        return EmojiScores(
            judge=top_k(real_ranks, 1).interval(),
            seen_name_top1=top_k(seen_ranks, 1).interval(),
            held_out_name_top1=top_k(unseen_ranks, 1).interval(),
            held_out_drawing_top10=top_k(ranks(scores, rows), 10).interval(),
            nearer_than_other_styles=wilson_interval(nearer, len(unseen)),
            right_style=most_like_truth(samples, truth, others).interval(),
            copies=wilson_interval(copies, len(seen)),
        )

    def other_styles(self, rows: Int[Tensor, " N"]) -> Int[Tensor, "N S"]:
        """Return the rows of each drawing's name in its other styles."""
        same_name = self.ids[rows, None] == self.ids
        same_name[torch.arange(len(rows)), rows] = False
        return same_name.nonzero()[:, 1].reshape(len(rows), -1)


def shift_and_tint(
    images: Float[Tensor, "B C height width"], generator: torch.Generator
) -> Float[Tensor, "B C height width"]:
    """Return images with small shifts and tints, which leave their name as it is."""
    unflipped = torch.zeros(len(images), dtype=torch.bool)  # a mirrored arrow has another name
    return augment(images, generator, unflipped, JUDGE_SHIFT)
