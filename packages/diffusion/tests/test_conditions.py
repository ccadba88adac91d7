"""Labels and captions as vectors, with the null condition."""

import pytest
import torch
from torch import nn

from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.model.conditions import CaptionCondition, LabelCondition, NoCondition
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
