"""Ablation equals a model whose weights leave the heads out, and touches no other head."""

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.ablation import Head, ablated, mean_head_outputs
from gpt.inside.activations import Point, record_activations
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

TOKENS = torch.tensor([[1, 5, 2, 8, 0, 3], [9, 9, 4, 7, 1, 0]])
HEADS = [Head(0, 1), Head(1, 0), Head(1, 3)]


def make_model(**kind):
    shape = {"vocab_size": 20, "context": 8, "n_layers": 2, "n_heads": 4, "d_model": 16, "d_ff": 32}
    model = GPT(GPTConfig(**shape, **kind)).double().eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


def columns(head, width=4):
    """Columns of the output projection that read the head."""
    return slice(head * width, (head + 1) * width)


@pytest.mark.parametrize("kind", [{"attention_bias": True}, {"n_kv_heads": 2, "norm": "post"}])
def test_zeros_for_a_head_equal_zeros_in_the_columns_of_the_output_projection(kind):
    model = make_model(**kind)
    before = model(TOKENS)
    with ablated(model, HEADS):
        found = model(TOKENS)
    assert torch.equal(model(TOKENS), before)
    for layer, head in HEADS:
        model.blocks[layer].attention.output.weight.data[:, columns(head)] = 0
    torch.testing.assert_close(found, model(TOKENS))
    assert not torch.allclose(found, before)


def test_the_mean_of_a_head_equals_a_bias_of_the_output_projection():
    model = make_model(attention_bias=True)
    other = torch.tensor([[7, 7, 1, 3], [0, 2, 11, 19], [4, 4, 4, 5]])
    means = mean_head_outputs(model, other)
    with ablated(model, HEADS, means):
        found = model(TOKENS)
    for layer in (0, 1):  # outputs of the unchanged model, so before any weight is edited
        outputs = record_activations(model, other, [Point("heads", layer)])[Point("heads", layer)]
        torch.testing.assert_close(means[Point("heads", layer)], outputs.flatten(0, 1).mean(dim=0))
    for layer, head in HEADS:
        output = model.blocks[layer].attention.output
        output.bias.data += output.weight[:, columns(head)] @ means[Point("heads", layer)][head]
        output.weight.data[:, columns(head)] = 0
    torch.testing.assert_close(found, model(TOKENS))


@pytest.mark.parametrize("mean", [False, True])
def test_only_the_named_heads_change(mean):
    model = make_model()
    point = Point("heads", 1)
    before = record_activations(model, TOKENS, [point])[point]
    with ablated(model, [Head(1, 2)], mean_head_outputs(model, TOKENS) if mean else None):
        after = record_activations(model, TOKENS, [point])[point]
    assert torch.equal(after[:, :, [0, 1, 3]], before[:, :, [0, 1, 3]])
    expected = before.mean(dim=(0, 1))[2] if mean else torch.zeros(4).double()
    torch.testing.assert_close(after[:, :, 2], expected.expand(2, 6, 4))


@pytest.mark.parametrize(
    ("heads", "sentence"),
    [
        ([], "no head to ablate; give at least one"),
        ([Head(0, 4)], "head 4 is not one of the 4 per layer"),
        ([Head(0, 0), Head(1, -1)], "head -1 is not one of the 4"),
        ([Head(2, 0)], "no point 'heads' in layer 2"),
    ],
)
def test_heads_that_the_model_lacks_are_refused(heads, sentence):
    model = make_model()
    before = model(TOKENS)
    with pytest.raises(BadInput, match=sentence), ablated(model, heads):
        pass
    assert torch.equal(model(TOKENS), before)
