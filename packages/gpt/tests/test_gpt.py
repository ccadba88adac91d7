import math

import pytest
import torch
import torch.nn.functional as F

from gpt.errors import BadInput
from gpt.model.attention import causal_mask, padding_mask
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.model.presets import PRESETS, find_preset

SMALL = {"vocab_size": 50, "context": 16, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned"},
    {"positions": "learned", "norm": "post"},
    {"positions": "rotary"},
    {"positions": "sinusoidal", "norm": "post", "feed_forward": "relu", "embedding_scale": True},
    {"positions": "alibi", "n_kv_heads": 1},
    {"positions": "t5", "n_kv_heads": 1},
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "swiglu", "tied_head": False},
    {"positions": "rotary", "feed_forward": "relu2", "head_bias": True, "head_width": 6},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_future_tokens_do_not_change_past_logits(kind):
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SMALL, **kind))
    tokens = torch.randint(0, 50, (2, 16))
    changed = tokens.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 50
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_padding_on_the_right_does_not_change_what_comes_before_it(kind):
    model = GPT(GPTConfig(**SMALL, **kind))
    tokens = torch.randint(0, 50, (2, 8))
    mask = causal_mask(8, 8) & padding_mask(torch.tensor([8, 5]), 8)
    torch.testing.assert_close(model(tokens, mask)[1, :5], model(tokens[1:, :5])[0])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_order_of_the_tokens_matters(kind):
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SMALL, **kind))
    a, b = model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[2, 1, 3]]))
    assert not torch.allclose(a[:, -1], b[:, -1])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_overfits_one_batch(kind):
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SMALL, **kind))
    tokens = torch.randint(0, 50, (4, 17))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(80):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss < 0.1  # ln 50 = 3.9 at the start


def test_the_reference_shape_has_5_846_528_parameters():
    config = GPTConfig(10_000, 512, 4, 4, 256, 1024, positions="learned")
    assert GPT(config).n_parameters() == 5_846_528


def test_gpt2_small_has_124_439_808_parameters():
    with torch.device("meta"):
        assert GPT(find_preset("gpt2")).n_parameters() == 124_439_808


def test_the_first_loss_is_near_ln_v():
    torch.manual_seed(0)
    model = GPT(PRESETS["small"])
    tokens = torch.randint(0, 4096, (8, 129))
    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(4096), abs=0.1)


def test_weights_start_at_the_deviations_of_gpt2():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=512, n_layers=8))
    block = model.blocks[3]
    assert model.embedding.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.attention.output.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert block.mlp.narrow.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert block.mlp.narrow.bias.abs().max() == 0
    assert (block.mlp_norm.gain == 1).all()


def test_the_head_is_the_embedding():
    model = GPT(GPTConfig(**SMALL))
    model.embedding.weight.data[7] = 0
    assert model(torch.tensor([[1, 2]]))[..., 7].abs().max() == 0


def test_an_untied_head_has_its_own_table_and_a_bias_raises_its_token():
    model = GPT(GPTConfig(**SMALL, tied_head=False, head_bias=True))
    model.embedding.weight.data[7] = 0
    model.head_bias.data[3] = 100
    logits = model(torch.tensor([[1, 2]]))
    assert logits[..., 7].abs().min() > 0
    assert (logits.argmax(dim=-1) == 3).all()


def test_each_bias_has_a_field_of_its_own():
    for field, names in {
        "attention_bias": {"qkv", "output"},
        "ff_bias": {"widen", "narrow"},
        "head_bias": {"head_bias"},
    }.items():
        off = {"attention_bias": False, "ff_bias": False, "head_bias": False}
        config = GPTConfig(**SMALL, norm_kind="rms", **{**off, field: True})
        biases = [name for name, _ in GPT(config).named_parameters() if name.endswith("bias")]
        assert {name.removesuffix(".bias").split(".")[-1] for name in biases} == names


def test_a_llama_has_the_published_number_of_parameters():
    # SmolLM2-135M: 30 layers of 576, 9 heads that share 3, a gated layer of 1,536, a tied head
    config = GPTConfig(
        vocab_size=49_152, context=8192, n_layers=30, n_heads=9, n_kv_heads=3, d_model=576,
        d_ff=1536, norm_kind="rms", feed_forward="swiglu", ff_bias=False, rotary_base=100_000.0,
    )  # fmt: skip
    with torch.device("meta"):
        assert GPT(config).n_parameters() == 134_515_008


def test_the_embedding_scale_is_the_root_of_the_width():
    plain, scaled = GPT(GPTConfig(**SMALL)), GPT(GPTConfig(**SMALL, embedding_scale=True))
    assert (plain.embedding.scale, scaled.embedding.scale) == (1, 4)


def test_dropout_does_nothing_in_evaluation():
    model = GPT(GPTConfig(**SMALL, dropout=0.5))
    tokens = torch.tensor([[1, 2, 3]])
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    assert torch.equal(model(tokens), model(tokens))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 0}, "n_layers must be at least 1, got 0"),
        ({"d_model": 30, "n_heads": 4}, "d_model 30 does not divide into 4 heads"),
        ({"d_model": 28, "n_heads": 4}, "the head width 7 must be even"),
        ({"n_kv_heads": 3}, "4 heads of width 32 cannot share 3 key-value heads"),
        ({"head_width": 0}, "4 heads of width 0 cannot share 4 key-value heads"),
        ({"norm_eps": 0.0}, "norm_eps must be a positive number, got 0.0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        GPTConfig(**changes)


def test_an_unknown_preset_names_those_that_exist():
    with pytest.raises(BadInput, match="no preset 'huge'; there are nano, tiny, small, gpt2"):
        find_preset("huge")


@pytest.mark.parametrize(("kind", "norm"), [("layer", F.layer_norm), ("rms", F.rms_norm)])
def test_every_norm_and_the_rotation_take_their_numbers_from_the_config(kind, norm):
    sizes = {"vocab_size": 20, "context": 8, "n_layers": 2, "n_heads": 2, "d_model": 8, "d_ff": 8}
    model = GPT(GPTConfig(**sizes, norm_kind=kind, norm_eps=0.5, rotary_base=100.0))
    x = torch.randn(1, 3, 8)
    norms = [model.final_norm, *(n for b in model.blocks for n in (b.attention_norm, b.mlp_norm))]
    for each in norms:
        torch.testing.assert_close(each(x), norm(x, (8,), eps=0.5))
    # the two pairs of a head of width 4, at position 3: 3 and 3 / sqrt(100) radians
    rotation = model.rotation(slice(0, 4), x)
    expected = torch.tensor([3.0, 0.3]).cos().repeat(2)
    torch.testing.assert_close(rotation.cos[3], expected)
