"""Linear probes: the closed form, what they find, and what the control task takes away."""

import pytest
import torch
import torch.nn.functional as F

from gpt.errors import BadInput
from gpt.inside.activations import Point, record_activations
from gpt.inside.probes import control_labels, fit_probe, probe_layers
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SMALL = {"vocab_size": 30, "context": 16, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_probe_worked_by_hand():
    # one number -1 or 1, already standardised; labels 0, 0, 1, 1. X^T X = 4 and X^T (Y - 1/2) =
    # (-2, 2), so with a ridge of 4 the weights are (-1/4, 1/4).
    probe = fit_probe(torch.tensor([[-1.0], [-1], [1], [1]]), torch.tensor([0, 0, 1, 1]), 2, 4.0)
    assert probe.mean.tolist() == [0] and probe.scale.tolist() == [1]
    assert probe.weight.tolist() == [[-0.25, 0.25]] and probe.bias.tolist() == [0.5, 0.5]
    assert probe.predict(torch.tensor([[-0.1], [3.0]])).tolist() == [0, 1]
    assert probe.accuracy(torch.tensor([[-1.0], [2], [5]]), torch.tensor([0, 1, 0])) == 2 / 3


def test_the_weights_are_where_the_gradient_of_the_squared_error_is_zero():
    x = torch.randn(40, 5, generator=generator()).double()
    labels = torch.randint(3, (40,), generator=generator())
    probe = fit_probe(x, labels, 3, ridge=2.0)
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    z = (x - probe.mean) / probe.scale
    loss = (z @ weight + bias - F.one_hot(labels, 3)).square().sum() + 2 * weight.square().sum()
    loss.backward()
    assert weight.grad.abs().max() < 1e-10 and bias.grad.abs().max() < 1e-10


def test_each_token_gets_one_control_label_drawn_from_the_labels():
    tokens = torch.randint(10, (4, 50), generator=generator())
    labels = (torch.rand(4, 50, generator=generator()) < 0.2).long() * 3  # 0 or 3
    control = control_labels(tokens, labels, 10, generator())
    for token in range(10):
        assert len(control[tokens == token].unique()) == 1
    tokens = torch.arange(200).reshape(4, 50)
    many = torch.stack([control_labels(tokens, labels, 200, generator(i)) for i in range(20)])
    assert set(many.unique().tolist()) == {0, 3}
    assert abs((many == 3).double().mean() - (labels == 3).double().mean()) < 0.03


def random_model():
    model = GPT(GPTConfig(**SMALL, positions="learned")).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.5
    return model


def test_positions_can_be_read_off_embeddings_to_which_they_are_added():
    model, tokens = random_model(), torch.randint(30, (60, 16))
    late = (torch.arange(16) >= 8).long().expand(60, 16)
    found = probe_layers(model, tokens, late, 40, generator())
    assert found.accuracy[0] > 0.8 and found.majority == 0.5
    assert len(found.accuracy) == len(found.control) == 3


def test_a_label_that_the_text_does_not_hold_cannot_be_read():
    model, tokens = random_model(), torch.randint(30, (60, 16))
    labels = torch.randint(2, (60, 16), generator=generator(1))
    found = probe_layers(model, tokens, labels, 40, generator())
    assert max(found.accuracy) < 0.6
    # the control can: a label per token is in the embedding
    assert found.control[0] > 0.65


def test_the_previous_token_is_read_only_after_attention():
    # a width that holds tokens and positions apart, and one head that looks one position back
    model = GPT(GPTConfig(30, 16, 1, 1, 64, 8, positions="learned", head_width=64)).eval()
    for parameter in model.parameters():
        parameter.data.zero_()
    model.embedding.weight.data[:, :30] = 4 * torch.eye(30)
    model.positions.weight.data[:, 30:46] = 4 * torch.eye(16)
    block = model.blocks[0]
    block.attention_norm.gain.data.fill_(1.0)
    q, k, v = block.attention.qkv.weight.data.chunk(3)
    q[30:46, 30:46], k[30:46, 30:46] = torch.eye(16).roll(-1, dims=0) * 5, torch.eye(16) * 5
    v[:30, :30] = torch.eye(30)
    block.attention.output.weight.data[:, :30] = torch.randn(64, 30)
    tokens = torch.randint(30, (100, 16))
    previous = (tokens.roll(1, dims=1) < 15).long()
    found = probe_layers(model, tokens[:, 1:], previous[:, 1:], 60, generator())
    assert found.accuracy[0] < 0.6 < 0.95 < found.accuracy[1]


def test_held_out_texts_are_not_fitted():
    model, tokens = random_model(), torch.randint(30, (4, 16))
    labels = torch.zeros(4, 16, dtype=torch.int64)
    labels[:, ::2] = 1
    found = probe_layers(model, tokens, labels, 3, generator(), ridge=0.5)
    x = record_activations(model, tokens, [Point("residual", 1)])[Point("residual", 1)]
    probe = fit_probe(x[:3].flatten(0, 1), labels[:3].flatten(), 2, 0.5)
    assert found.accuracy[1] == probe.accuracy(x[3], labels[3])


@pytest.mark.parametrize("n_train", [0, 4, -1])
def test_a_split_without_texts_on_one_side_is_refused(n_train):
    model, tokens = random_model(), torch.zeros(4, 3, dtype=torch.int64)
    with pytest.raises(BadInput, match=f"between 1 and 3; got {n_train}"):
        probe_layers(model, tokens, tokens, n_train, generator())


@pytest.mark.parametrize(
    ("labels", "n_classes", "ridge", "message"),
    [
        ([0, 0], 1, 1.0, "at least two"),
        ([0, 2], 2, 1.0, "from 0 to 2 are not those of a probe of 2 classes"),
        ([-1, 1], 2, 1.0, "from -1 to 1"),
        ([0, 1], 2, 0.0, "ridge must be positive, got 0"),
    ],
)
def test_labels_and_ridge_are_checked(labels, n_classes, ridge, message):
    with pytest.raises(BadInput, match=message):
        fit_probe(torch.eye(2), torch.tensor(labels), n_classes, ridge)
