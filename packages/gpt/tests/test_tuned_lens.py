"""The tuned lens starts as the logit lens, and learns to read what the plain one cannot."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from gpt.errors import BadInput
from gpt.inside.lens import logit_lens
from gpt.inside.tuned_lens import TunedLens, divergence_from_final, tuned_lens, tuned_lens_loss
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.token_files import Batch
from gpt.training.loop import LoopConfig, train

SMALL = {"vocab_size": 12, "context": 8, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned"},
    {"positions": "rotary", "norm_kind": "rms", "tied_head": False, "head_bias": True},
    {"positions": "alibi", "norm": "post"},
]


def make_model(**kind):
    model = GPT(GPTConfig(**SMALL, **kind)).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.5
    return model


def batch(step=0, rows=4):
    tokens = torch.randint(12, (rows, 9), generator=torch.Generator().manual_seed(step))
    return Batch(tokens[:, :-1], tokens[:, 1:])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_untrained_tuned_lens_is_the_logit_lens(kind):
    model, tokens = make_model(**kind), batch().tokens
    lens = TunedLens(model)
    torch.testing.assert_close(tuned_lens(model, lens, tokens), logit_lens(model, tokens))
    for parameter in lens.parameters():
        torch.nn.init.normal_(parameter)
    tuned = tuned_lens(model, lens, tokens)
    torch.testing.assert_close(tuned[-1], model(tokens))  # the last is the model's, always
    assert not torch.allclose(tuned[0], logit_lens(model, tokens)[0])


def test_the_map_of_each_layer_worked_by_hand():
    lens = TunedLens(GPT(GPTConfig(4, 4, 2, 1, 2, 2)))
    lens.weight.data[0] = torch.tensor([[0.0, 1.0], [2.0, 0.0]])  # swaps, and doubles one
    lens.bias.data[1] = torch.tensor([10.0, 20.0])
    x = torch.tensor([3.0, 5.0]).expand(2, 1, 1, 2)
    assert lens(x)[:, 0, 0].tolist() == [[3 + 5, 5 + 6], [13, 25]]


def test_divergence_worked_by_hand():
    # the last layer says 1/2, 1/2; the first 9/10, 1/10: 1/2 ln(5/9) + 1/2 ln 5
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()[:, None, None]
    expected = 0.5 * torch.tensor(5 / 9).log() + 0.5 * torch.tensor(5.0).log()
    torch.testing.assert_close(divergence_from_final(logits), torch.stack([expected, expected * 0]))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_loss_is_the_mean_divergence_and_its_gradient_reaches_the_lens_only(kind):
    model = make_model(**kind)
    lens = TunedLens(model)
    total, terms = tuned_lens_loss(model, lens, batch())
    divergence = divergence_from_final(logit_lens(model, batch().tokens))
    torch.testing.assert_close(total / terms, divergence[:-1].mean())
    total.backward()
    assert all(each.grad.abs().max() > 0 for each in lens.parameters())
    assert all(each.grad is None for each in model.parameters())


def test_the_loss_is_torchs_kl_in_the_direction_from_the_model_to_the_lens():
    model, tokens = make_model(), batch().tokens
    logprobs = logit_lens(model, tokens).log_softmax(dim=-1)
    expected = F.kl_div(logprobs[0], logprobs[-1].exp(), reduction="sum") / tokens.numel()
    torch.testing.assert_close(divergence_from_final(logprobs)[0], expected)
    backwards = F.kl_div(logprobs[-1], logprobs[0].exp(), reduction="sum") / tokens.numel()
    assert not torch.isclose(expected, backwards, rtol=0.1)


def test_it_learns_a_rotation_that_hides_the_prediction_from_the_plain_lens():
    # the only block turns the residual stream around: x + mlp(x) = -x, up to the norm's scale
    model = make_model(positions="none", norm_kind="rms", feed_forward="relu")
    for block in model.blocks:
        block.attention.output.weight.data.zero_()
    width = torch.cat([torch.eye(16), -torch.eye(16)])
    model.blocks[0].mlp_norm.gain.data.fill_(1.0)
    model.blocks[0].mlp.widen.weight.data.copy_(width)  # relu(z) and relu(-z) together are z
    model.blocks[0].mlp.narrow.weight.data.copy_(-10 * width.T)
    for name in ("widen.bias", "narrow.bias"):
        model.blocks[0].mlp.get_parameter(name).data.zero_()
    model.blocks[1].mlp.narrow.weight.data.zero_()
    model.blocks[1].mlp.narrow.bias.data.zero_()
    lens, loop = TunedLens(model), LoopConfig(steps=30, learning_rate=0.2, weight_decay=0.0)
    losses = [
        record.loss
        for record in train(
            lens, lambda step: [batch(step, 16)], partial(tuned_lens_loss, model), loop
        )
    ]
    tokens = batch(10**6).tokens
    plain = divergence_from_final(logit_lens(model, tokens))
    tuned = divergence_from_final(tuned_lens(model, lens, tokens))
    assert plain[0] > 2 and tuned[0] < 0.1 * plain[0]
    assert losses[-1] < 0.1 * losses[0]
    assert tuned[-1] == 0


def test_a_model_that_is_not_frozen_is_refused():
    model = make_model()
    model.final_norm.gain.requires_grad_(True)
    with pytest.raises(BadInput, match=r"call model\.requires_grad_\(False\)"):
        tuned_lens_loss(model, TunedLens(model), batch())
