"""Checkpointed blocks against plain ones, and against torch's own checkpointing."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from gpt.evaluation.live_bytes import saved_activation_bytes
from gpt.model.checkpointing import ForwardState, Recomputed, checkpoint_blocks
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rows import pad_examples, prompt_answer_example

SHAPE = GPTConfig(20, 16, n_layers=3, n_heads=2, d_model=16, d_ff=32, dropout=0.3)
LLAMA = GPTConfig(
    20, 16, 2, 4, 16, 24, n_kv_heads=2, norm_kind="rms", feed_forward="swiglu", ff_bias=False
)
T5_BIAS = GPTConfig(20, 16, 2, n_heads=2, d_model=16, d_ff=24, positions="t5")
POST_NORM = GPTConfig(20, 16, 2, 2, 16, 24, dropout=0.2, norm="post", positions="alibi")
ROWS = pad_examples(
    [prompt_answer_example([1, 2, 3], [4, 5, 6]), prompt_answer_example([6], [7, 8, 9, 10])]
)


def ours(model):
    checkpoint_blocks(model)


def torchs(model):
    for block in model.blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def plain(model):
    pass


def policy(shape=SHAPE):
    torch.manual_seed(1)
    return Policy(shape).double()


def loss_and_gradients(model, change, rows=ROWS):
    change(model)
    torch.manual_seed(2)  # the dropout
    loss = model(rows.tokens, rows.mask).sum()
    inputs = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [loss, *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("other", [plain, torchs])
@pytest.mark.parametrize("shape", [SHAPE, LLAMA, T5_BIAS, POST_NORM])
def test_loss_and_gradients_are_the_same_to_the_bit(shape, other):
    first = loss_and_gradients(policy(shape), ours)
    second = loss_and_gradients(policy(shape), other)
    assert all(map(torch.equal, first, second))


def test_dropout_matters_here():
    # else the test above would not show whether both runs draw the same numbers
    model = policy()
    losses = [model(ROWS.tokens, ROWS.mask).sum() for _ in range(2)]
    assert losses[0] != losses[1]


def test_checkpointing_leaves_the_random_state_as_the_plain_model_does():
    drawn = []
    for change in (ours, plain):
        loss_and_gradients(policy(), change)
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def test_later_blocks_get_gradients_if_the_first_ones_are_frozen():
    """As with LoRA: nothing before the first block is trained."""
    results = []
    for change in (ours, plain):
        model = policy().requires_grad_(False)
        for block in model.blocks[1:]:
            block.mlp.narrow.weight.requires_grad_()
        results.append(loss_and_gradients(model, change))
    assert len(results[0]) == 3 and results[0][1].any()
    assert all(map(torch.equal, *results))


def test_the_second_run_uses_the_autocast_format_of_the_first():
    """The backward pass may come after the autocast of the forward pass has ended."""
    gradients = []
    for change in (ours, plain):
        model = policy(LLAMA).float()
        change(model)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(ROWS.tokens, ROWS.mask).sum()
        gradients.append(torch.autograd.grad(loss, [*model.parameters()]))
    assert all(map(torch.equal, *gradients))


def test_the_second_run_has_dropout_only_if_the_first_had():
    """As when a loss scores the policy without dropout and the loop calls backward later."""
    model, plain = policy(), policy().eval()
    checkpoint_blocks(model)
    model.eval()
    loss = model(ROWS.tokens, ROWS.mask).sum()
    model.train()
    ours = torch.autograd.grad(loss, [*model.parameters()])
    assert all(module.training for module in model.modules())
    expected = torch.autograd.grad(plain(ROWS.tokens, ROWS.mask).sum(), [*plain.parameters()])
    assert all(map(torch.equal, ours, expected))


def test_backward_fills_the_gradients_of_parameters():
    model, expected = policy(), loss_and_gradients(policy(), plain)[1:]
    checkpoint_blocks(model)
    torch.manual_seed(2)
    model(ROWS.tokens, ROWS.mask).sum().backward()
    assert all(map(torch.equal, (p.grad for p in model.parameters()), expected))


def test_checkpointing_a_model_twice_still_runs_a_block_only_twice():
    model, runs = policy(), []
    model.blocks[0].mlp.register_forward_hook(lambda *_: runs.append(1))
    checkpoint_blocks(model)
    checkpoint_blocks(model)
    model(ROWS.tokens, ROWS.mask).sum().backward()
    assert len(runs) == 2


def test_without_gradients_nothing_runs_twice_and_nothing_changes():
    model, plain = policy().eval(), policy().eval()
    checkpoint_blocks(model)
    with torch.no_grad():
        assert torch.equal(model(ROWS.tokens, ROWS.mask), plain(ROWS.tokens, ROWS.mask))
        cache, tokens = model.cache(2, 8), ROWS.tokens[:, :4]
        assert torch.equal(GPT.forward(model, tokens, cache=cache), GPT.forward(plain, tokens))
    assert cache.length == 4


def test_a_block_that_fills_a_cache_runs_once():
    """A second run would add its keys and values a second time."""
    model = policy().eval()
    checkpoint_blocks(model)
    cache, tokens = model.cache(2, 8), ROWS.tokens[:, :4]
    GPT.forward(model, tokens, cache=cache).sum().backward()
    assert cache.length == 4


def test_weights_keep_their_names_and_a_copy_uses_its_own_weights():
    model = policy().eval()
    names = [*model.state_dict()]
    checkpoint_blocks(model)
    duplicate = copy.deepcopy(model)
    assert [*model.state_dict()] == names
    before = model(ROWS.tokens, ROWS.mask)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    assert torch.equal(duplicate(ROWS.tokens, ROWS.mask), before)
    assert not torch.equal(model(ROWS.tokens, ROWS.mask), before)


def test_changing_weights_between_the_two_runs_raises_an_error():
    model = policy()
    checkpoint_blocks(model)
    loss = model(ROWS.tokens, ROWS.mask).sum()
    with torch.no_grad():
        model.blocks[0].mlp.widen.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_policy_that_shares_layers_with_a_checkpointed_model_is_checkpointed():
    model = GPT(SHAPE)
    checkpoint_blocks(model)
    assert isinstance(share_layers_as(Policy, model).blocks[0].forward, partial)


def test_a_block_keeps_only_its_input():
    tokens, kept = torch.randint(0, 20, (4, 16)), {}
    for n_layers in (2, 12):
        model = GPT(replace(SHAPE, n_layers=n_layers))
        for name in ("plain", "checkpointed"):
            kept[name, n_layers] = saved_activation_bytes(
                lambda model=model: model(tokens, targets=tokens), *model.parameters()
            )
            checkpoint_blocks(model)
    per_block = {name: (kept[name, 12] - kept[name, 2]) / 10 for name in ("plain", "checkpointed")}
    assert per_block["checkpointed"] == 4 * 16 * 16 * 4  # x: B T D numbers of four bytes
    assert per_block["plain"] > 10 * per_block["checkpointed"]


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(3.0))

    def forward(self, x):
        return self.w * x**2


def test_a_gradient_by_hand():
    """y = w x^2 at w = 3, x = 2: dy/dw = x^2 = 4, dy/dx = 2 w x = 12."""
    block, x = Twice(), torch.full((1, 1, 1), 2.0, requires_grad=True)
    y = Recomputed.apply(block.forward, ForwardState(block, x.device), x, block.w)
    y.sum().backward()
    assert (y.item(), block.w.grad.item(), x.grad.item()) == (12, 4, 12)
