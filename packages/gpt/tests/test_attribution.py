"""Direct logit attribution: parts that sum to the logit, in every pre-norm model."""

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.ablation import Head, ablated
from gpt.inside.activations import Point, edited, record_activations
from gpt.inside.attribution import Attribution, logit_attribution, logit_direction
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SMALL = {"vocab_size": 20, "context": 8, "n_layers": 3, "n_heads": 4, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned", "attention_bias": True},
    {"positions": "sinusoidal", "norm_kind": "rms", "embedding_scale": True},
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "swiglu", "n_kv_heads": 2},
    {"positions": "alibi", "n_kv_heads": 1, "head_width": 6},
    {"positions": "none", "tied_head": False, "head_bias": True, "attention_bias": True},
]


def make_model(dtype=torch.float64, **kind):
    model = GPT(GPTConfig(**SMALL, **kind)).to(dtype).eval()
    for parameter in model.parameters():  # biases and gains too
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


def test_worked_by_hand():
    # No block adds anything, so x is the embedding (3, -1): mean 1, variance 4. The norm gives
    # (1, -1), doubled by the gain, plus the bias (0, 5). The head's row (1, 10) of token 1 makes
    # 2 - 20 + 50 = 32 of it: -18 from the embedding, 50 from the norm's bias.
    model = GPT(GPTConfig(2, 4, 1, 1, 2, 2, positions="none", tied_head=False, norm_eps=1e-12))
    for parameter in model.parameters():
        parameter.data.zero_()
    model.embedding.weight.data[0] = torch.tensor([3.0, -1.0])
    model.final_norm.gain.data.fill_(2.0)
    model.final_norm.bias.data[1] = 5.0
    model.head.data[1] = torch.tensor([1.0, 10.0])
    tokens, targets = torch.tensor([[0]]), torch.tensor([[1]])
    found = logit_attribution(model, tokens, targets)
    assert found.embedding.item() == -18
    assert found.constant.item() == 50
    assert found.heads.abs().max() == found.mlps.abs().max() == 0
    assert found.total().item() == model(tokens)[0, 0, 1].item() == 32


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_all_parts_sum_to_the_logit(kind, dtype, atol):
    model, tokens = make_model(dtype, **kind), torch.randint(0, 20, (2, 8))
    for targets in (tokens, tokens.roll(1, dims=1)):
        logits = model(tokens).gather(-1, targets[..., None])[..., 0]
        total = logit_attribution(model, tokens, targets).total()
        torch.testing.assert_close(total, logits, rtol=0, atol=atol)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_without_a_part_the_logit_under_a_frozen_norm_is_lower_by_its_contribution(kind):
    # an oracle that shares no code: the final norm is replaced by its linear form
    model, tokens = make_model(**kind), torch.randint(0, 20, (1, 8))
    targets = tokens.roll(-1, dims=1)
    found = logit_attribution(model, tokens, targets)
    x = []
    with edited(model, {Point("residual", 3): lambda each: x.append(each) or each}):
        logits = model(tokens)
    norm, (x,) = model.final_norm, x
    centre = 0.0 if model.config.norm_kind == "rms" else 1.0
    centred = x - centre * x.mean(-1, keepdim=True)
    scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + norm.eps)

    def logit_without(part):
        rest = x - part
        frozen = (rest - centre * rest.mean(-1, keepdim=True)) * scale * norm.gain
        frozen = frozen + (norm.bias if centre else 0.0)
        return model.logits(frozen).gather(-1, targets[..., None])[..., 0]

    before = logits.gather(-1, targets[..., None])[..., 0]
    heads = []
    block = model.blocks[1]
    with edited(model, {Point("heads", 1): lambda each: heads.append(each) or each}):
        model(tokens)
    for head in range(4):
        alone = torch.zeros_like(heads[0])
        alone[:, :, head] = heads[0][:, :, head]
        bias = 0.0 if block.attention.output.bias is None else block.attention.output.bias
        part = block.attention.output(alone.flatten(2)) - bias
        torch.testing.assert_close(found.heads[1, head], before - logit_without(part))
    torch.testing.assert_close(found.embedding, before - logit_without(model.embedding(tokens)))


def test_a_head_of_the_last_layer_has_no_effect_but_the_direct_one_if_the_mlp_is_off():
    model, tokens = make_model(positions="rotary"), torch.randint(0, 20, (1, 8))
    model.blocks[2].mlp.narrow.weight.data.zero_()
    targets = tokens.roll(-1, dims=1)
    found = logit_attribution(model, tokens, targets)
    with ablated(model, [Head(2, 1)]):
        without = logit_attribution(model, tokens, targets)
    assert without.heads[2, 1].abs().max() == 0
    # the other parts change by one factor each: the scale of the norm, which is another now
    ratio = without.embedding / found.embedding
    torch.testing.assert_close(without.mlps / found.mlps, ratio.expand(3, -1, -1))
    assert (ratio - 1).abs().min() > 1e-3


def test_parts_of_a_difference_sum_to_the_difference_of_logits():
    model, tokens = make_model(positions="learned"), torch.randint(0, 20, (2, 8))
    a, b = torch.full_like(tokens, 3), torch.full_like(tokens, 7)
    found = logit_attribution(model, tokens, a).minus(logit_attribution(model, tokens, b))
    logits = model(tokens)
    torch.testing.assert_close(found.total(), logits[..., 3] - logits[..., 7])
    assert isinstance(found, Attribution)


def test_positions_contribute_only_where_they_are_added():
    tokens = torch.randint(0, 20, (1, 8))
    for positions in ("rotary", "alibi", "none"):
        found = logit_attribution(make_model(positions=positions), tokens, tokens)
        assert found.positions.abs().max() < 1e-12
    model = make_model(positions="learned")
    x = record_activations(model, tokens)[Point("residual", 3)]
    d = logit_direction(model, x, tokens)
    found = logit_attribution(model, tokens, tokens)
    torch.testing.assert_close(found.positions, (model.positions.weight * d).sum(dim=-1))


def test_a_post_norm_model_is_refused():
    model, tokens = make_model(norm="post"), torch.zeros(1, 2, dtype=torch.int64)
    with pytest.raises(BadInput, match="needs a pre-norm model"):
        logit_attribution(model, tokens, tokens)


def test_a_model_that_drops_numbers_is_refused_until_it_is_in_evaluation_mode():
    model, tokens = make_model(dropout=0.1), torch.zeros(1, 2, dtype=torch.int64)
    with pytest.raises(BadInput, match=r"dropout 0\.1"):
        logit_attribution(model.train(), tokens, tokens)
    assert logit_attribution(model.eval(), tokens, tokens).total().shape == (1, 2)
