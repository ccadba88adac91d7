import math

import pytest
import torch
import torch.nn.functional as F

from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.text.token_files import Batch
from gpt.training.gradient_flow import (
    measure_gradient_flow,
    remove_norms,
    remove_residuals,
    scale_residual_writes,
)

TOKENS = torch.randint(0, 50, (3, 9), generator=torch.Generator().manual_seed(0))
BATCH = Batch(TOKENS[:, :-1], TOKENS[:, 1:])


def model(n_layers=2, norm="pre", seed=0):
    torch.manual_seed(seed)
    return GPT(GPTConfig(50, 8, n_layers, 2, 16, 32, norm=norm))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_the_norms_are_those_of_autograd(norm):
    gpt = model(norm=norm)
    before = [parameter.clone() for parameter in gpt.parameters()]
    flow = measure_gradient_flow(gpt, BATCH)
    rotate = gpt.rotation(slice(0, 8), torch.zeros(1))
    streams = [gpt.embedding(BATCH.tokens)]
    for block in gpt.blocks:
        streams.append(block(streams[-1], rotate))
    loss = F.cross_entropy(
        gpt.logits(gpt.final_norm(streams[-1])).flatten(0, 1), BATCH.targets.flatten()
    )
    of_streams = torch.autograd.grad(loss, streams, retain_graph=True)
    assert flow.residual == pytest.approx([float(each.norm()) for each in of_streams], rel=1e-4)
    last = torch.autograd.grad(loss, list(gpt.blocks[1].parameters()))
    total = math.sqrt(sum(float(each.square().sum()) for each in last))
    assert flow.weights[1] == pytest.approx(total, rel=1e-4)
    assert all(torch.equal(*pair) for pair in zip(gpt.parameters(), before, strict=True))
    assert all(parameter.grad is None for parameter in gpt.parameters())
    assert not gpt.final_norm._forward_pre_hooks


def test_a_block_without_residual_is_the_block_minus_what_it_adds_to():
    gpt = model(n_layers=1)
    x = torch.randn(2, 5, 16)
    rotate = gpt.rotation(slice(0, 5), x)
    block = gpt.blocks[0]
    after_attention = block.attention(block.attention_norm(x), rotate)
    remove_residuals(gpt)
    expected = block.mlp(block.mlp_norm(after_attention))
    torch.testing.assert_close(gpt.blocks[0](x, rotate), expected)
    assert torch.equal(gpt.blocks[0](0 * x, rotate), gpt.blocks[0](0 * x + 3, rotate))


def test_with_the_residual_connection_the_gradient_reaches_the_first_of_twelve_blocks():
    flow = measure_gradient_flow(model(12), BATCH)
    assert flow.residual[0] > flow.residual[-1]
    assert max(flow.weights) < 2 * min(flow.weights)


def test_without_norms_and_residuals_it_vanishes_and_with_either_it_does_not():
    first_to_last = {}
    for name, changes in {
        "norms": [remove_residuals],
        "residuals": [remove_norms],
        "neither": [remove_norms, remove_residuals],
    }.items():
        torch.manual_seed(0)
        gpt = GPT(GPTConfig(50, 8, 6, 2, 64, 128))
        for change in changes:
            change(gpt)
        weights = measure_gradient_flow(gpt, BATCH).weights
        first_to_last[name] = weights[0] / weights[-1]
    assert first_to_last["neither"] < 1e-6
    assert 0.2 < first_to_last["norms"] < 5 and 0.5 < first_to_last["residuals"] < 2


def test_larger_writes_shrink_the_gradient_at_the_end_of_the_stream():
    plain, scaled = model(12), model(12)
    scale_residual_writes(scaled, 100.0)
    name = "blocks.3.mlp.narrow.weight"
    torch.testing.assert_close(scaled.get_parameter(name), 100 * plain.get_parameter(name))
    assert torch.equal(scaled.embedding.weight, plain.embedding.weight)
    flows = [measure_gradient_flow(each, BATCH).residual for each in (plain, scaled)]
    assert flows[1][-1] < flows[0][-1] / 5


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_a_factor_that_is_not_positive_is_refused(factor):
    with pytest.raises(BadInput, match="factor must be a positive number, got"):
        scale_residual_writes(model(1), factor)


def test_residuals_of_post_norm_models_are_kept():
    with pytest.raises(BadInput, match="not of post-norm"):
        remove_residuals(model(norm="post"))
