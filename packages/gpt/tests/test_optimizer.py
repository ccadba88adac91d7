from dataclasses import replace

import pytest
import torch
from torch import nn

from gpt.architectures.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from gpt.model.gpt import GPT, GPTConfig
from gpt.training.muon import Muon
from gpt.training.optimizer import (
    CombinedOptimizer,
    hidden_matrices,
    make_adamw,
    make_muon_and_adamw,
)

MODEL = GPTConfig(vocab_size=50, context=8, n_layers=2, n_heads=2, d_model=16, d_ff=32)


def muon_and_adamw(model):
    return make_muon_and_adamw(model, 0.02, 0.95, 3e-3, (0.9, 0.95), 0.1)


def test_matrices_decay_and_gains_and_biases_do_not():
    parameters = list(GPT(MODEL).parameters())
    decayed, kept = make_adamw(parameters, 1e-3, (0.9, 0.95), 0.1).param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert all(parameter.ndim == 2 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in kept["params"])
    assert len(decayed["params"]) + len(kept["params"]) == len(parameters)


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest():
    model = GPT(MODEL)
    optimizer = muon_and_adamw(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [{names[id(p)] for p in group["params"]} for group in optimizer.param_groups]
    assert groups[0] == {f"blocks.{n}.attention.qkv.weight" for n in (0, 1)}
    kinds = ("attention.output", "mlp.widen", "mlp.narrow")
    assert groups[1] == {f"blocks.{n}.{kind}.weight" for n in (0, 1) for kind in kinds}
    assert groups[2] == {"embedding.weight"}
    assert sum(map(len, groups)) == len(names)
    assert [group["peak_lr"] for group in optimizer.param_groups] == [0.02, 0.02, 3e-3, 3e-3]
    assert optimizer.param_groups[0]["row_splits"] == (16, 16, 16)
    grouped = GPT(replace(MODEL, n_heads=4, n_kv_heads=2, head_width=6))
    assert muon_and_adamw(grouped).param_groups[0]["row_splits"] == (24, 12, 12)


def test_a_model_without_blocks_is_trained_by_adamw():
    assert not hidden_matrices(nn.Linear(3, 3))
    assert isinstance(muon_and_adamw(nn.Linear(3, 3)), torch.optim.AdamW)


def test_matrices_of_both_halves_of_an_encoder_decoder_are_for_muon():
    model = EncoderDecoder(EncoderDecoderConfig(20, 8, n_layers=1, n_heads=2, d_model=8, d_ff=16))
    halves = [*model.encoder_blocks.parameters(), *model.decoder_blocks.parameters()]
    inside = {parameter for parameter in halves if parameter.ndim == 2}
    assert inside and set(hidden_matrices(model)) == inside


def test_a_frozen_matrix_is_in_no_group():
    model = GPT(MODEL).requires_grad_(False)
    gain = model.final_norm.gain.requires_grad_()
    assert [group["params"] for group in muon_and_adamw(model).param_groups] == [[gain]]


def test_the_combined_optimizer_takes_one_step_of_each_member():
    one, other = (nn.Linear(4, 4) for _ in range(2))
    other.load_state_dict(one.state_dict())
    members = [Muon([one.weight]), torch.optim.AdamW([one.bias], fused=True)]
    combined = CombinedOptimizer(Muon([other.weight]), torch.optim.AdamW([other.bias], fused=True))
    for step in range(5):
        for model, optimizers in ((one, members), (other, [combined])):
            model(torch.ones(2, 4) * step).square().sum().backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
    assert torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


@pytest.mark.parametrize("stop", [1, 3])
def test_a_restored_optimizer_continues_with_the_same_bits(stop):
    weights = []
    for restarted in (False, True):
        torch.manual_seed(0)
        model = GPT(MODEL)
        optimizer = muon_and_adamw(model)
        for step in range(6):
            if restarted and step == stop:
                state, optimizer = optimizer.state_dict(), muon_and_adamw(model)
                optimizer.load_state_dict(state)
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"]
            model(torch.arange(16).view(2, 8) + step).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*weights)
