"""Weights, shapes and folders of diffusers, without diffusers."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from diffusion.comparison.compared_models import random_dit
from diffusion.model.conditions import CaptionCondition, LabelCondition, NoCondition
from diffusion.model.dit import DiT, DiTConfig
from diffusion.model.flow_model import FlowModel
from diffusion.model.unet import UNet, UNetConfig
from diffusion.pretrained.dit_shapes import dit_config_from_diffusers, dit_config_to_diffusers
from diffusion.pretrained.dit_weights import dit_from_diffusers, dit_to_diffusers
from diffusion.pretrained.export import export_diffusers, import_diffusers
from gpt.errors import BadInput

SMALL = DiTConfig(n_channels=3, n_layers=2, n_heads=2, d_model=16, d_ff=64)


@pytest.mark.parametrize("has_labels", [True, False])
def test_there_and_back_gives_the_same_model(has_labels):
    model = random_dit(SMALL, has_labels)
    found = dit_from_diffusers(dit_to_diffusers(model))
    assert found.config == SMALL and type(found.condition) is type(model.condition)
    expected = model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.state_dict().items())


def test_a_row_of_the_patch_embedding_is_in_the_order_channel_row_column():
    model = random_dit(SMALL)
    ours, theirs = model.patches.weight, dit_to_diffusers(model).tensors["pos_embed.proj.weight"]
    channel, row, column = 2, 1, 0
    assert torch.equal(theirs[:, channel, row, column], ours[:, (2 * row + column) * 3 + channel])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cross_attention": True}, "no class for a DiT with cross-attention to a caption;"),
        ({"positions": "rotary"}, "no class for a DiT with rotary positions;"),
        ({"qk_norm": True}, "no class for a DiT with normalised queries and keys;"),
        ({"d_ff": 32}, "no class for a DiT with d_ff 32, which is not 4 x 16,;"),
    ],
)
def test_shapes_without_a_class_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        dit_config_to_diffusers(dataclasses.replace(SMALL, **changes), 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_class_name": "UNet2DModel"}, "only DiTTransformer2DModel can be read"),
        ({"out_channels": 6}, "out_channels must be 3, got 6"),
        ({"activation_fn": "geglu"}, "activation_fn must be 'gelu-approximate', got 'geglu'"),
        ({"num_layers": "two"}, "num_layers must be a number, got 'two'"),
        ({"attention_head_dim": None}, "attention_head_dim must be a number, got None"),
    ],
)
def test_configs_of_other_models_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        dit_config_from_diffusers(dit_config_to_diffusers(SMALL, 10) | changes)


def test_blocks_with_unequal_embeddings_are_refused():
    library = dit_to_diffusers(random_dit(SMALL))
    name = "transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.bias"
    library.tensors[name] += 1
    with pytest.raises(BadInput, match="block 1 has another"):
        dit_from_diffusers(library)
    del library.tensors[name]
    with pytest.raises(BadInput, match=f"the weight {name!r} is missing"):
        dit_from_diffusers(library)


class NoEncoder(nn.Module):
    """Stands where a caption encoder would."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FlowModel(UNet(UNetConfig(), NoCondition(128))), "only a DiT .* got a UNet"),
        (FlowModel(random_dit(SMALL), "x"), "this model was trained with target 'x'"),
        (
            FlowModel(DiT(SMALL, CaptionCondition(NoEncoder(), 4, 4, 4, 16))),
            "diffusers has no class for a DiT with captions",
        ),
    ],
)
def test_models_that_diffusers_cannot_sample_are_refused_and_nothing_is_written(
    tmp_path, model, message
):
    with pytest.raises(BadInput, match=message):
        export_diffusers(tmp_path / "out", model)
    assert not (tmp_path / "out").exists()


def test_damaged_folders_are_refused(tmp_path):
    export_diffusers(tmp_path, FlowModel(DiT(SMALL, LabelCondition(10, 16))))
    weights = tmp_path / "transformer/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(BadInput, match="is damaged"):
        import_diffusers(tmp_path)
    weights.unlink()
    with pytest.raises(BadInput, match="is missing; weights are only read from safetensors"):
        import_diffusers(tmp_path)
    scheduler = tmp_path / "scheduler/scheduler_config.json"
    scheduler.write_text(json.dumps({"_class_name": "DDIMScheduler"}))
    with pytest.raises(BadInput, match="must be a FlowMatchEuler.*, got 'DDIMScheduler'"):
        import_diffusers(tmp_path)
