"""Named points: recording changes nothing, edits change what follows, and no hook stays behind."""

import pytest
import torch
from einops import rearrange, repeat

from gpt.errors import BadInput
from gpt.inside.activations import Point, all_points, edited, record_activations
from gpt.model.attention import attention, causal_mask
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.rotary import rotary_angles, rotate

SMALL = {"vocab_size": 20, "context": 8, "n_layers": 2, "n_heads": 4, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned", "attention_bias": True},
    {"positions": "learned", "norm": "post"},
    {"positions": "sinusoidal", "norm": "post", "n_kv_heads": 2},
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "swiglu", "n_kv_heads": 2},
    {"positions": "alibi", "n_kv_heads": 1},
    {"positions": "t5"},
    {"positions": "none", "head_width": 6},
]
TOKENS = torch.tensor([[1, 5, 2, 8, 0, 3], [9, 9, 4, 7, 1, 0]])


def make_model(**kind):
    model = GPT(GPTConfig(**SMALL, **kind)).double().eval()
    for parameter in model.parameters():  # biases and gains too
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


def has_hooks(model):
    return any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())


def heads_by_hand(model, block, x):
    """The heads of a block by the equations, from what its attention reads."""
    config = model.config
    qkv = rearrange(block.attention.qkv(x), "B T (N K) -> B N T K", K=config.d_head)
    q, k, v = qkv.split([config.n_heads, config.kv_heads, config.kv_heads], dim=1)
    bias = 0.0
    if config.positions == "rotary":
        angles = rotary_angles(x.shape[1], config.d_head)
        q, k = rotate(q, angles), rotate(k, angles)
    if config.positions == "alibi":
        distance = (torch.arange(6)[:, None] - torch.arange(6)).double()
        slopes = torch.tensor([2**-2, 2**-4, 2**-6, 2**-8])  # of four heads
        bias = -slopes[None, :, None, None] * distance
    if config.positions == "t5":  # each of the distances 0 to 5 has a bucket of its own
        distance = (torch.arange(6)[:, None] - torch.arange(6)).clamp(min=0)
        bias = rearrange(model.distance_bias.weight[distance], "T S H -> 1 H T S")
    group = config.n_heads // config.kv_heads
    k, v = (repeat(each, "B J T K -> B (J group) T K", group=group) for each in (k, v))
    mixed = attention(q, k, v, causal_mask(6, 6)[None, None], bias)
    return rearrange(mixed, "B H T K -> B T H K")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_point_holds_what_the_equations_of_the_block_give(kind):
    model = make_model(**kind)
    found = record_activations(model, TOKENS)
    close, pre = torch.testing.assert_close, model.config.norm == "pre"
    x = model.embedding(TOKENS)
    close(
        found[Point("residual", 0)],
        x if model.positions is None else model.positions(x, slice(0, 6)),
    )
    for layer, block in enumerate(model.blocks):
        x = found[Point("residual", layer)]
        heads = heads_by_hand(model, block, block.attention_norm(x) if pre else x)
        close(found[Point("heads", layer)], heads)
        close(found[Point("attention", layer)], block.attention.output(heads.flatten(2)))
        x = x + found[Point("attention", layer)]
        x = x if pre else block.attention_norm(x)
        close(found[Point("mlp", layer)], block.mlp(block.mlp_norm(x) if pre else x))
        x = x + found[Point("mlp", layer)]
        close(found[Point("residual", layer + 1)], x if pre else block.mlp_norm(x))
    close(model.logits(model.final_norm(found[Point("residual", 2)])), model(TOKENS))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_recording_does_not_change_the_logits_and_leaves_no_hook(kind):
    model = make_model(**kind)
    before = model(TOKENS)
    record_activations(model, TOKENS)
    assert torch.equal(model(TOKENS), before)
    assert not has_hooks(model)
    with edited(model, {point: lambda each: each for point in all_points(model)}):
        assert torch.equal(model(TOKENS), before)


def test_points_are_recorded_in_the_order_of_the_forward_pass():
    model = make_model()
    assert list(record_activations(model, TOKENS)) == all_points(model)
    assert all_points(model)[:5] == [
        Point("residual", 0),
        Point("heads", 0),
        Point("attention", 0),
        Point("mlp", 0),
        Point("residual", 1),
    ]
    chosen = [Point("mlp", 1), Point("residual", 0)]
    assert set(record_activations(model, TOKENS, chosen)) == set(chosen)


@pytest.mark.parametrize("point", all_points(GPT(GPTConfig(**SMALL))), ids=str)
def test_an_edit_changes_what_follows_and_nothing_before(point):
    model = make_model()
    clean, order = record_activations(model, TOKENS), all_points(model)
    with edited(model, {point: lambda each: each.square()}):
        changed = record_activations(model, TOKENS)
        logits = model(TOKENS)
    for other in order[: order.index(point)]:
        assert torch.equal(clean[other], changed[other])
    later = order[order.index(point) + 1 :]
    assert not any(torch.equal(clean[other], changed[other]) for other in later)
    # the recorder, whose hook came second, sees the edited numbers
    torch.testing.assert_close(changed[point], clean[point].square())
    assert not torch.allclose(logits, model(TOKENS))


def test_an_edit_of_attention_and_mlp_by_zeros_leaves_the_embedding():
    model = make_model(positions="rotary")
    zeros = {
        Point(kind, layer): torch.zeros_like for kind in ("attention", "mlp") for layer in (0, 1)
    }
    with edited(model, zeros):
        logits = model(TOKENS)
    torch.testing.assert_close(logits, model.logits(model.final_norm(model.embedding(TOKENS))))


def test_gradients_pass_through_a_point():
    model, grads = make_model(), []

    def keep(activation):
        activation.register_hook(grads.append)
        return activation

    with edited(model, {Point("residual", 1): keep}):
        model(TOKENS).sum().backward()
    assert grads[0].shape == (2, 6, 16) and grads[0].abs().max() > 0


def test_hooks_are_removed_when_the_forward_pass_or_the_block_fails():
    model = make_model()

    def fail(activation):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), edited(model, {Point("mlp", 1): fail}):
        model(TOKENS)
    assert not has_hooks(model)
    with pytest.raises(KeyError), edited(model, {Point("mlp", 1): lambda each: each}):
        raise KeyError
    assert not has_hooks(model)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (Point("mlp", 2), "no point 'mlp' in layer 2.*end at 1"),
        (Point("residual", 3), "no point 'residual' in layer 3.*end at 2"),
        (Point("heads", -1), "in layer -1"),
        (Point("resid_pre", 0), "no point 'resid_pre'.*kinds are residual, attention, heads, mlp"),
    ],
)
def test_a_point_that_the_model_lacks_is_refused_before_anything_is_hooked(point, message):
    model = make_model()
    with pytest.raises(BadInput, match=message):
        record_activations(model, TOKENS, [Point("residual", 0), point])
    assert not has_hooks(model)
