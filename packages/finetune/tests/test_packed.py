import pytest
import torch

from finetune.reward import packed
from finetune.reward.packed import hidden_at
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SHAPE = {"vocab_size": 20, "context": 16, "n_layers": 2, "n_heads": 4, "d_model": 16, "d_ff": 32}
KINDS = {
    "learned positions": GPTConfig(**SHAPE),
    "rotary, grouped heads": GPTConfig(
        **SHAPE, positions="rotary", n_kv_heads=2, norm_kind="rms", feed_forward="swiglu"
    ),
    "post-norm": GPTConfig(**SHAPE, norm="post"),
    "alibi": GPTConfig(**SHAPE, positions="alibi"),
    "t5": GPTConfig(**SHAPE, positions="t5"),
}
# of four rows of six: one full, one short, one wanted in the middle, one not wanted at all
WANTED = torch.tensor(
    [[0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
).bool()
TOKENS = torch.tensor(
    [[1, 2, 3, 4, 5, 6], [7, 8, 0, 0, 0, 0], [9, 1, 2, 3, 4, 5], [5, 5, 5, 0, 0, 0]]
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_residual_stream_equals_that_of_the_padded_block(kind):
    model = GPT(KINDS[kind]).double()
    weights = torch.randn(6, 16, dtype=torch.float64)
    expected, found = model.hidden(TOKENS)[WANTED], hidden_at(model, TOKENS, WANTED)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    parameters = [each for name, each in model.named_parameters() if name != "head"]
    for a, b in zip(
        torch.autograd.grad((weights * found).sum(), parameters, allow_unused=True),
        torch.autograd.grad((weights * expected).sum(), parameters, allow_unused=True),
        strict=True,
    ):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def positions_seen(model, tokens, wanted):
    seen = []
    model.blocks[0].mlp.register_forward_hook(lambda *call: seen.append(call[2].shape[:2].numel()))
    hidden_at(model, tokens, wanted)
    return seen[-1]


def test_padding_and_later_tokens_do_not_pass_through_the_layers():
    model = GPT(KINDS["learned positions"])
    assert positions_seen(model, TOKENS, WANTED) == 6 + 2 + 3 + 0
    assert positions_seen(model, TOKENS[:1], WANTED[:1]) == 6  # as a block
    for kind in ("alibi", "t5"):
        assert positions_seen(GPT(KINDS[kind]), TOKENS, WANTED) == 24


def test_a_little_padding_is_left_in(monkeypatch):
    model, tokens = GPT(KINDS["post-norm"]), torch.ones(4, 10).long()
    wanted = torch.ones(4, 10).bool()
    wanted[0, -2:] = False
    assert positions_seen(model, tokens, wanted) == 40
    monkeypatch.setattr(packed, "MAX_REAL_SHARE", 0.96)
    assert positions_seen(model, tokens, wanted) == 38
