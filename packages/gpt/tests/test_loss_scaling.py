import math

import pytest
import torch
from torch import nn

from gpt.errors import BadInput
from gpt.training.loss_scaling import LossScale, scaled_step, underflow_share


def test_the_range_of_fp16_and_bf16():
    assert torch.tensor(2.0**-24).half() == 2.0**-24  # the smallest
    assert torch.tensor(2.0**-25).half() == 0
    assert torch.tensor(65504.0).half() == 65504
    assert torch.tensor(65520.0).half() == math.inf
    assert torch.tensor(65520.0).bfloat16() == 65536  # far from the largest, but with 8 bits
    assert torch.tensor(2.0**-25).bfloat16() == 2.0**-25
    assert torch.tensor(1 + 2.0**-10).half() == 1 + 2.0**-10
    assert torch.tensor(1 + 2.0**-10).bfloat16() == 1


def test_half_of_these_gradients_vanish_until_they_are_scaled():
    gradient = torch.tensor([0.0, 1e-8, -2e-8, 1e-7, 3e-3])
    assert underflow_share(gradient) == 0.5
    assert underflow_share(gradient, 2.0**4) == 0


def test_the_scale_by_hand():
    scale, values = LossScale(8.0, growth_interval=2), []
    for overflowed in (False, False, False, True, False, False, True, True):
        scale = scale.after_step(overflowed)
        values.append(scale.value)
    assert values == [8, 16, 16, 8, 8, 16, 8, 4]


@pytest.mark.parametrize("interval", [1, 3])
def test_scales_and_weights_are_those_of_torch_after_the_same_overflows(interval):
    """Gradients are of fp16: a loss multiplied by 65,504 or more overflows."""
    random = torch.Generator().manual_seed(0)
    sizes = [10.0 ** torch.randint(-6, 3, (), generator=random) for _ in range(40)]
    ours, theirs = (nn.Linear(4, 1, dtype=torch.float32) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    optimizers = [torch.optim.SGD(each.parameters(), 1e-3) for each in (ours, theirs)]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=interval)
    scale, seen = LossScale(2.0**12, interval), []
    for size in sizes:
        x = torch.ones(1, 4).half()
        mine, other = (fp16_output(each, x) * size for each in (ours, theirs))
        scale = scaled_step(mine, optimizers[0], scale)
        optimizers[1].zero_grad()
        scaler.scale(other).backward()
        scaler.step(optimizers[1])
        scaler.update()
        assert scale.value == scaler.get_scale()
        assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
        seen.append(scale.value)
    assert len(set(seen)) > 3  # it went up and down


def fp16_output(layer, x):
    """Compute a layer in fp16 from its fp32 weights."""
    return (x @ layer.weight.half().T + layer.bias.half()).float().sum()


def test_a_step_that_overflows_changes_no_weight():
    layer = nn.Linear(4, 1)
    before = layer.weight.clone()
    optimizer = torch.optim.SGD(layer.parameters(), 1.0)
    scale = scaled_step(fp16_output(layer, torch.ones(1, 4).half()), optimizer, LossScale(2.0**17))
    assert torch.equal(layer.weight, before) and scale.value == 2.0**16
    scaled_step(fp16_output(layer, torch.ones(1, 4).half()), optimizer, LossScale(8.0))
    torch.testing.assert_close(layer.weight, before - 1)


def test_impossible_scales_are_refused():
    with pytest.raises(BadInput, match="positive number, got 0.0"):
        LossScale(0.0)
    with pytest.raises(BadInput, match="growth_interval must be at least 1, got 0"):
        LossScale(growth_interval=0)
