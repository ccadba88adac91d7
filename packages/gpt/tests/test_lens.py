"""The logit lens: a prediction after every block, the last of which is the model's."""

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.activations import Point, record_activations
from gpt.inside.lens import logit_lens
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.norms import layer_norm, rms_norm

SMALL = {"vocab_size": 20, "context": 8, "n_layers": 3, "n_heads": 4, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned", "attention_bias": True},
    {"positions": "learned", "norm": "post"},
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "swiglu", "n_kv_heads": 2},
    {"positions": "alibi", "tied_head": False, "head_bias": True},
]
TOKENS = torch.tensor([[1, 5, 2, 8, 0, 3], [9, 9, 4, 7, 1, 0]])


def make_model(**kind):
    model = GPT(GPTConfig(**SMALL, **kind)).double().eval()
    for parameter in model.parameters():  # biases and gains too
        parameter.data = torch.randn_like(parameter) * 0.5
    return model


def test_worked_by_hand():
    # The one block adds nothing to x = (3, -1), which the norm makes (1, -1) whatever its scale.
    # The head's rows (1, 0), (0, 1) read (1, -1) off it.
    model = GPT(GPTConfig(2, 4, 1, 1, 2, 2, positions="none", tied_head=False, norm_eps=1e-12))
    for block in model.blocks:
        for parameter in block.parameters():
            parameter.data.zero_()
    model.embedding.weight.data[:] = torch.tensor([3.0, -1.0])
    model.head.data[:] = torch.eye(2)
    assert logit_lens(model, torch.tensor([[0]])).tolist() == [[[[1, -1]]], [[[1, -1]]]]
    model.blocks[0].mlp.narrow.bias.data[:] = torch.tensor([0.0, 8.0])  # now x = (3, 7)
    assert logit_lens(model, torch.tensor([[0]])).tolist() == [[[[1, -1]]], [[[-1, 1]]]]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_last_layer_of_the_lens_is_the_model(kind):
    model = make_model(**kind)
    lens = logit_lens(model, TOKENS)
    assert lens.shape == (4, 2, 6, 20)
    torch.testing.assert_close(lens[-1], model(TOKENS))
    assert not torch.allclose(lens[-2], lens[-1])


@pytest.mark.parametrize("norm_kind", ["layer", "rms"])
def test_every_layer_is_normalised_by_its_own_statistics(norm_kind):
    model = make_model(positions="learned", norm_kind=norm_kind)
    activations = record_activations(model, TOKENS)
    norm, lens = model.final_norm, logit_lens(model, TOKENS)
    for layer in range(4):
        x = activations[Point("residual", layer)]
        own = rms_norm(x, norm.gain) if norm_kind == "rms" else layer_norm(x, norm.gain, norm.bias)
        torch.testing.assert_close(lens[layer], own @ model.embedding.weight.T)


def test_a_lens_does_not_see_how_large_the_residual_stream_is():
    # what the scale of the last layer would change, and the scale of the layer itself does not
    model = make_model(positions="none", norm_eps=1e-12)
    before = logit_lens(model, TOKENS)[0]
    model.embedding.scale = 1000.0
    torch.testing.assert_close(logit_lens(model, TOKENS)[0], before)


def test_the_first_row_depends_on_no_other_token():
    model = make_model(positions="rotary")
    lens, shuffled = logit_lens(model, TOKENS), logit_lens(model, TOKENS.flip(1))
    torch.testing.assert_close(lens[0], shuffled[0].flip(1))
    assert not torch.allclose(lens[1], shuffled[1].flip(1))


def test_a_text_beyond_the_context_is_refused():
    with pytest.raises(BadInput, match="beyond the context of 8"):
        logit_lens(make_model(positions="learned"), torch.zeros(1, 9, dtype=torch.int64))
