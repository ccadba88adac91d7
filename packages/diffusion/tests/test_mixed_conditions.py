"""Conditions between two captions."""

import pytest
import torch

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.model.conditions import LabelCondition
from diffusion.model.dit import DiTConfig
from diffusion.model.flow_model import FlowModelConfig
from diffusion.model.mixed_conditions import mix_captions, mix_conditions
from gpt.errors import BadInput

NETWORK = DiTConfig(n_layers=1, n_heads=2, d_model=16, d_ff=32, cross_attention=True)
LONG_AND_SHORT = torch.tensor([[1, 3, 5, 8], [1, 6, 8, 0]])
CAPTIONS = torch.tensor([[1, 3, 8, 0], [1, 5, 8, 0]])
X, T = torch.randn(1, 1, 8, 8), torch.tensor([0.7])


@pytest.fixture
def flow():
    """Return a model with captions in which no weight is 0, so that every path has an effect."""
    tower = TowerConfig(d_model=8, n_layers=1, n_heads=2)
    captions = CLIPConfig(vocab_size=9, context=4, d_embedding=8, caption_tower=tower)
    flow = FlowModelConfig(NETWORK, condition="text", captions=captions).build().eval()
    for parameter in flow.parameters():
        parameter.data = 0.2 * torch.randn_like(parameter)
    return flow


def velocity(flow, ids):
    with torch.no_grad():
        return flow(X, T, ids)


def test_the_first_and_the_last_mixture_are_the_captions(flow):
    mixed = mix_captions(flow, CAPTIONS, 3)
    for row, caption in ((0, 0), (2, 1)):
        found = velocity(mixed, torch.tensor([[row]]))
        torch.testing.assert_close(found, velocity(flow, CAPTIONS[[caption]]))


def test_halfway_vector_and_words_are_means(flow):
    table = mix_captions(flow, CAPTIONS, 5).network.condition
    first, middle, last = (table(torch.tensor([[row]])) for row in (0, 2, 4))
    for of in (lambda each: each.vector, lambda each: each.words[:, :3]):  # not the padding
        ends = torch.stack([of(first), of(last)])
        assert (ends[0] - ends[1]).abs().max() > 1e-3
        torch.testing.assert_close(of(middle), ends.mean(dim=0))
    assert middle.mask.tolist() == [[[[True, True, True, False]]]]


def test_guidance_finds_the_null_condition(flow):
    mixed = mix_captions(flow, CAPTIONS, 3)
    assert mixed.null.tolist() == [3]
    torch.testing.assert_close(velocity(mixed, mixed.null[None]), velocity(flow, flow.null[None]))
    ids, guidance = torch.tensor([[2]]), Guidance(3.0)
    expected = GuidedVelocity(flow, CAPTIONS[1:], flow.null, guidance)(X, 0.7)
    found = GuidedVelocity(mixed, ids, mixed.null, guidance)(X, 0.7)
    torch.testing.assert_close(found, expected)


def test_the_model_itself_stays_as_it_was(flow):
    before = velocity(flow, CAPTIONS[:1])
    mix_captions(flow, CAPTIONS, 3).network.patches.weight.data.zero_()
    assert torch.equal(velocity(flow, CAPTIONS[:1]), before)


def test_too_few_mixtures_are_refused(flow):
    with pytest.raises(BadInput, match="n_mixtures must be at least 3, got 2"):
        mix_captions(flow, CAPTIONS, 2)


def test_a_mix_has_the_means_of_vectors_and_of_words_that_both_captions_have(flow):
    long, short = (flow.network.condition(row) for row in LONG_AND_SHORT.split(1))
    mixed = mix_conditions(long, short, 0.25)
    torch.testing.assert_close(mixed.vector, 0.75 * long.vector + 0.25 * short.vector)
    words = 0.75 * long.words[:, :3] + 0.25 * short.words[:, :3]
    torch.testing.assert_close(mixed.words[:, :3], words)
    assert torch.equal(mixed.words[:, 3], long.words[:, 3])
    assert torch.equal(mixed.mask, long.mask)
    assert torch.equal(mix_conditions(long, short, 0.75).mask, short.mask)


def test_captions_of_different_lengths_are_mixed(flow):
    mixed = mix_captions(flow, LONG_AND_SHORT, 4)
    found = [velocity(mixed, torch.tensor([[row]])) for row in range(4)]
    torch.testing.assert_close(found[0], velocity(flow, LONG_AND_SHORT[:1]))
    torch.testing.assert_close(found[3], velocity(flow, LONG_AND_SHORT[1:]))
    assert not torch.isclose(found[1], found[0]).all()


def test_labels_mix_by_their_vectors():
    table = LabelCondition(10, 16)
    first, second = table(torch.tensor([[3]])), table(torch.tensor([[7]]))
    mixed = mix_conditions(first, second, 0.5)
    torch.testing.assert_close(mixed.vector, (first.vector + second.vector) / 2)
    assert mixed.words is None
