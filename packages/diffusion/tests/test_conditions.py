"""Labels and captions as vectors, with the null condition."""

import pytest
import torch
from torch import nn

from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.model.conditions import (
    CaptionCondition,
    LabelCondition,
    NoCondition,
    mix_conditions,
)
from diffusion.model.dit import DiT, DiTConfig
from diffusion.model.flow_model import FlowModel

SHAPE = DiTConfig(n_layers=2, n_heads=2, d_model=16, d_ff=32, cross_attention=True)
CONTEXT = 6


class WordAverage(nn.Module):
    """Caption encoder: a vector per word, and their mean over the words of the caption."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(20, 12)

    def forward(self, ids):
        states, is_word = self.table(ids), (ids != 0)[..., None]
        return states, (states * is_word).sum(dim=1) / is_word.sum(dim=1).clamp(min=1)


def caption_condition():
    return CaptionCondition(WordAverage(), 12, 12, CONTEXT, 16)


def random_model(condition):
    """Return a model in which no weight is 0, so that every path has an effect."""
    model = DiT(SHAPE, condition).eval()
    for parameter in model.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter)
    return model


CAPTIONS = torch.tensor([[3, 5, 7, 0, 0, 0], [2, 0, 0, 0, 0, 0]])


def test_no_condition_is_a_vector_of_zeros_without_ids():
    condition = NoCondition(16)
    assert condition.null.shape == (0,)
    vector = condition(torch.zeros(3, 0, dtype=torch.long)).vector
    assert torch.equal(vector, torch.zeros(3, 16))


def test_the_null_label_is_the_one_after_the_last():
    condition = LabelCondition(10, 16)
    assert condition.null.tolist() == [10] and condition.table.weight.shape == (11, 16)
    found = condition(torch.tensor([[4], [10]])).vector
    assert torch.equal(found, condition.table.weight[[4, 10]])


def test_a_caption_of_padding_becomes_exactly_the_learned_null_condition():
    condition = caption_condition()
    found = condition(torch.stack([condition.null, CAPTIONS[0]]))
    assert torch.equal(found.vector[0], condition.null_caption)
    assert torch.equal(found.words[0], condition.null_words)
    assert not torch.isclose(found.vector[1], condition.null_caption).any()
    assert not torch.isclose(found.words[1], condition.null_words).any()


def test_the_mask_keeps_the_words_of_a_caption_and_all_of_the_null_condition():
    mask = caption_condition()(torch.cat([CAPTIONS, torch.zeros(1, 6, dtype=torch.long)])).mask
    assert mask[:, 0, 0].int().tolist() == [
        [1, 1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1],
    ]


def test_padding_has_no_effect_on_the_output_but_words_have():
    model = random_model(caption_condition())
    x, t = torch.randn(2, 1, 8, 8), torch.rand(2)
    before = model(x, t, CAPTIONS)
    model.condition.encoder.table.weight.data[0] += 10  # the vector of padding
    assert torch.equal(model(x, t, CAPTIONS), before)
    model.condition.encoder.table.weight.data[5] += 10  # a word of the first caption only
    after = model(x, t, CAPTIONS)
    assert not torch.isclose(after[0], before[0]).all() and torch.equal(after[1], before[1])


@pytest.mark.parametrize(
    ("condition", "ids"),
    [(LabelCondition(10, 16), torch.tensor([[3], [7]])), (caption_condition(), CAPTIONS)],
)
def test_guidance_0_and_1_give_the_null_condition_and_the_condition(condition, ids):
    model = FlowModel(random_model(condition))
    x, null = torch.randn(2, 1, 8, 8), model.null.expand_as(ids)
    found = {
        weight: GuidedVelocity(model, ids, model.null, Guidance(weight))(x, 0.5)
        for weight in (0.0, 1.0, 2.0)
    }
    t = torch.full((2,), 0.5)
    with torch.inference_mode():
        unconditional, conditional = model(x, t, null), model(x, t, ids)
    torch.testing.assert_close(found[0.0], unconditional)
    torch.testing.assert_close(found[1.0], conditional)
    torch.testing.assert_close(found[2.0], 2 * conditional - unconditional, atol=1e-5, rtol=1e-5)
    assert ((found[0.0] - found[1.0]).abs() > 1e-3).float().mean() > 0.9


def test_a_mix_has_the_means_of_vectors_and_of_words_that_both_captions_have():
    condition = caption_condition()
    long, short = (condition(CAPTIONS[row : row + 1]) for row in (0, 1))
    mixed = mix_conditions(long, short, 0.25)
    torch.testing.assert_close(mixed.vector, 0.75 * long.vector + 0.25 * short.vector)
    first_words = 0.75 * long.words[:, 0] + 0.25 * short.words[:, 0]
    torch.testing.assert_close(mixed.words[:, 0], first_words)
    assert torch.equal(mixed.words[:, 1:], long.words[:, 1:])
    assert torch.equal(mixed.mask, long.mask)
    assert torch.equal(mix_conditions(long, short, 0.75).mask, short.mask)


def test_weights_0_and_1_of_a_mix_give_the_output_of_each_caption():
    model = random_model(caption_condition())
    x, t = torch.randn(1, 1, 8, 8), torch.rand(1)
    long, short = (model.condition(CAPTIONS[row : row + 1]) for row in (0, 1))
    for weight, row in ((0.0, 0), (1.0, 1)):
        found = model.predict(x, t, mix_conditions(long, short, weight))
        torch.testing.assert_close(found, model(x, t, CAPTIONS[row : row + 1]))
    half = model.predict(x, t, mix_conditions(long, short, 0.5))
    assert not torch.isclose(half, model(x, t, CAPTIONS[:1])).all()


def test_labels_mix_by_their_vectors():
    table = LabelCondition(10, 16)
    first, second = table(torch.tensor([[3]])), table(torch.tensor([[7]]))
    mixed = mix_conditions(first, second, 0.5)
    torch.testing.assert_close(mixed.vector, (first.vector + second.vector) / 2)
    assert mixed.words is None
