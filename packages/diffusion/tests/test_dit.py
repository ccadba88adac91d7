import dataclasses

import pytest
import torch

from diffusion.model.conditions import LabelCondition, NoCondition
from diffusion.model.dit import DiT, DiTConfig
from diffusion.model.flow_model import FlowModel
from diffusion.model.unet import UNet, UNetConfig
from gpt.errors import BadInput

SMALL = DiTConfig(n_layers=2, n_heads=2, d_model=16, d_ff=32)


def noisy_images(n=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 1, 8, 8, generator=generator), torch.rand(n, generator=generator)


@pytest.mark.parametrize("changes", [{}, {"positions": "rotary", "qk_norm": True}])
def test_every_block_is_the_identity_and_the_output_is_0_at_first(changes):
    model = DiT(dataclasses.replace(SMALL, **changes), LabelCondition(10, 16))
    x, t = noisy_images()
    ids = torch.tensor([[0], [3], [10]])
    h = torch.randn(3, 16, 16)
    condition = model.condition(ids)
    for block in model.blocks:
        assert torch.equal(block(h, condition, model.rotation), h)
    assert torch.equal(model(x, t, ids), torch.zeros_like(x))


def test_a_unet_predicts_0_at_first_and_learns_one_batch():
    model = FlowModel(UNet(UNetConfig(stage_channels=(16, 32)), NoCondition(128)))
    x, t = noisy_images()
    ids = torch.zeros(3, 0, dtype=torch.long)
    torch.testing.assert_close(model(x, t, ids), torch.zeros_like(x), atol=0.2, rtol=0)
    target = torch.randn(x.shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = (model(x, t, ids) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_size": 3}, "patch_size 3 does not divide the image size 8"),
        ({"n_heads": 3}, "d_model must be a multiple of 4 x n_heads, got 16 with 3 heads"),
        ({"n_layers": 0}, "n_layers must be at least 1, got 0"),
    ],
)
def test_impossible_shapes_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        dataclasses.replace(SMALL, **changes)
