import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from gpt.model.checkpointing import Recomputed, checkpoint_blocks, saved_activation_bytes
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SHAPE = {"vocab_size": 40, "context": 16, "n_heads": 2, "d_model": 32, "d_ff": 64}


def gradients(model, tokens):
    torch.manual_seed(5)
    loss = model(tokens, targets=tokens.roll(-1, 1))
    next_random = torch.rand(1)
    return loss, next_random, torch.autograd.grad(loss, list(model.parameters()))


@pytest.mark.parametrize("positions", ["rotary", "alibi", "t5"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_gradients_are_those_of_the_plain_model_to_the_last_bit(positions, dropout, norm):
    config = GPTConfig(**SHAPE, n_layers=3, dropout=dropout, norm=norm, positions=positions)
    model, tokens = GPT(config), torch.randint(0, 40, (2, 16))
    plain_loss, plain_random, plain = gradients(model, tokens)
    loss, random, found = gradients(checkpoint_blocks(copy.deepcopy(model)), tokens)
    assert torch.equal(loss, plain_loss) and torch.equal(random, plain_random)
    assert all(map(torch.equal, found, plain))


def test_gradients_are_those_of_torch_to_the_last_bit():
    layer, x = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.5), nn.Linear(32, 8)), torch.randn(4, 8)
    found = []
    for compute in (
        lambda each: Recomputed.apply(layer, each, *layer.parameters()),
        lambda each: checkpoint(layer, each, use_reentrant=False),
    ):
        leaf = x.clone().requires_grad_()
        torch.manual_seed(3)
        y = compute(leaf[None])
        found.append([y, *torch.autograd.grad(y.square().sum(), [leaf, *layer.parameters()])])
    assert all(map(torch.equal, *found))


def test_gradients_in_bf16_are_those_of_the_plain_model():
    model, tokens = GPT(GPTConfig(**SHAPE, n_layers=2)), torch.randint(0, 40, (2, 16))
    found = []
    for each in (model, checkpoint_blocks(copy.deepcopy(model))):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = each(tokens, targets=tokens)
        found.append(torch.autograd.grad(loss, list(each.parameters())))
    assert all(map(torch.equal, *found))


def test_the_backward_pass_leaves_the_random_numbers_of_the_run_alone():
    model = checkpoint_blocks(GPT(GPTConfig(**SHAPE, n_layers=2, dropout=0.2)))
    tokens = torch.randint(0, 40, (2, 16))
    loss = model(tokens, targets=tokens)
    before = torch.get_rng_state()
    loss.backward()
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_that_are_not_trained_get_no_gradient():
    model, tokens = GPT(GPTConfig(**SHAPE, n_layers=2)), torch.randint(0, 40, (2, 16))
    model.blocks[0].requires_grad_(False)
    checkpoint_blocks(model)(tokens, targets=tokens).backward()
    assert all(weight.grad is None for weight in model.blocks[0].parameters())
    assert all(weight.grad is not None for weight in model.blocks[1].parameters())


def test_a_block_keeps_only_its_input():
    tokens, kept = torch.randint(0, 40, (4, 16)), {}
    for n_layers in (2, 12):
        model = GPT(GPTConfig(**SHAPE, n_layers=n_layers))
        for name in ("plain", "checkpointed"):
            kept[name, n_layers] = saved_activation_bytes(
                lambda model=model: model(tokens, targets=tokens), model
            )
            checkpoint_blocks(model)
    per_block = {name: (kept[name, 12] - kept[name, 2]) / 10 for name in ("plain", "checkpointed")}
    assert per_block["checkpointed"] == 4 * 16 * 32 * 4  # x: B T D numbers of four bytes
    assert per_block["plain"] > 10 * per_block["checkpointed"]


@torch.no_grad()
def test_a_checkpointed_model_generates_as_before_with_the_names_it_had():
    model, tokens = GPT(GPTConfig(**SHAPE, n_layers=2)).eval(), torch.randint(0, 40, (1, 9))
    names, logits = list(model.state_dict()), model(tokens)
    checkpoint_blocks(model)
    assert list(model.state_dict()) == names
    cache = model.cache(1, 9)
    found = torch.cat([model(part, cache=cache) for part in tokens.split(4, dim=1)], dim=1)
    torch.testing.assert_close(found, logits)
