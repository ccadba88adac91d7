"""Every kind of model computes the same with and without its fast operations."""

import pytest
import torch

from gpt.model import gpt as module
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SMALL = {"vocab_size": 50, "context": 16, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_ff": 32}
KINDS = [
    {"positions": "learned", "feed_forward": "gelu", "attention_bias": True},
    {"positions": "sinusoidal", "norm": "post", "feed_forward": "relu2", "head_bias": True},
    {"positions": "rotary", "norm_kind": "rms", "feed_forward": "geglu", "tied_head": False},
    {"positions": "alibi", "n_kv_heads": 1, "feed_forward": "swiglu"},
    {"positions": "t5", "feed_forward": "relu"},
]


@pytest.fixture
def plain_and_fast(monkeypatch):
    def build(config: GPTConfig) -> tuple[GPT, GPT]:
        fast = GPT(config).double()
        with monkeypatch.context() as patch:
            patch.setattr(module, "use_fast_operations", lambda model: None)
            plain = GPT(config).double()
        plain.load_state_dict(fast.state_dict())
        return plain, fast

    return build


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_fast_operations_change_neither_logits_nor_loss_nor_gradients(kind, plain_and_fast):
    plain, fast = plain_and_fast(GPTConfig(**SMALL, **kind))
    tokens, targets = torch.randint(0, 50, (2, 3, 8))
    torch.testing.assert_close(plain(tokens), fast(tokens), rtol=1e-12, atol=1e-12)
    losses = plain.loss(tokens, targets), fast.loss(tokens, targets)
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    expected = torch.autograd.grad(losses[0], [*plain.parameters()])
    found = torch.autograd.grad(losses[1], [*fast.parameters()])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("padding", [None, [0, 2, 1], [0, 2, 1, 0] * 3], ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_fast_operations_read_a_cache_as_the_plain_ones_do(kind, padding, plain_and_fast):
    n_rows = 8 if padding is None else len(padding)  # three are few, eight are many
    tokens = torch.randint(0, 50, (n_rows, 9))
    logits = []
    for model in plain_and_fast(GPTConfig(**SMALL, **kind)):
        cache = model.cache(n_rows, 9, None if padding is None else torch.tensor(padding))
        logits.append(
            torch.cat([model(part, cache=cache) for part in tokens.split([4, 1, 3, 1], 1)], 1)
        )
    torch.testing.assert_close(*logits, rtol=1e-12, atol=1e-12)


def test_every_operation_with_a_fast_equal_is_replaced(plain_and_fast):
    plain, fast = plain_and_fast(GPTConfig(**SMALL))
    block, fast_block = plain.blocks[0], fast.blocks[0]
    pairs = [
        (plain.linear, fast.linear),
        (plain.linear_cross_entropy, fast.linear_cross_entropy),
        (plain.empty_layer_cache, fast.empty_layer_cache),
        (block.attention.attend, fast_block.attention.attend),
        (block.mlp.activation, fast_block.mlp.activation),
        (type(block.mlp.widen), type(fast_block.mlp.widen)),
        (type(block.attention.qkv), type(fast_block.attention.qkv)),
    ]
    assert all(before is not after for before, after in pairs)
    assert [*plain.state_dict()] == [*fast.state_dict()]


def test_the_loss_is_what_the_forward_pass_returns_for_targets():
    model = GPT(GPTConfig(**SMALL))
    tokens, targets = torch.randint(0, 50, (2, 3, 8))
    assert torch.equal(model(tokens, targets=targets), model.loss(tokens, targets))
