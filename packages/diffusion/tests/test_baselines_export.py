"""Folders for diffusers: it opens what we write, and draws the same images from the same noise."""

import re

import pytest
import torch

pytest.importorskip("diffusers", reason="baselines: needs the extra baselines")

from diffusers import DiTTransformer2DModel, FlowMatchEulerDiscreteScheduler

from diffusion.baselines import library_guided_sample, library_output
from diffusion.comparison.compared_models import random_dit
from diffusion.flow.guidance import Guidance, GuidedVelocity
from diffusion.flow.samplers import sample
from diffusion.flow.times import sampling_times
from diffusion.model.conditions import NoCondition
from diffusion.model.dit import DiTConfig
from diffusion.model.flow_model import FlowModel
from diffusion.pretrained.export import export_diffusers, import_diffusers
from diffusion.vae.latents import LatentStatistics, set_latent_scale
from diffusion.vae.vae import VAE, VAEConfig

pytestmark = pytest.mark.baselines

SMALL = DiTConfig(n_channels=3, n_layers=2, n_heads=2, d_model=16, d_ff=64)


def opened(folder):
    """Return the model and the scheduler as diffusers opens them."""
    return (
        DiTTransformer2DModel.from_pretrained(folder, subfolder="transformer").eval(),
        FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler"),
    )


def our_images(model, labels, noise, shift=1.0):
    velocity = GuidedVelocity(model, labels[:, None], model.null, Guidance(2.0))
    return sample(velocity, noise, sampling_times(10, shift))


def test_an_exported_model_draws_the_same_images_in_diffusers(tmp_path):
    model = FlowModel(random_dit(SMALL))
    export_diffusers(tmp_path, model)
    library, _ = opened(tmp_path)
    labels, noise = torch.tensor([3, 0, 9]), torch.randn(3, 3, 8, 8)
    theirs = library_guided_sample(library, labels, noise, 10, 2.0)
    torch.testing.assert_close(our_images(model, labels, noise), theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_the_lines_in_the_readme_of_the_folder_draw_our_images(tmp_path, monkeypatch, shift):
    model = FlowModel(random_dit(SMALL))
    export_diffusers(tmp_path, model, shift=shift)
    (lines,) = re.findall("```python\n(.*?)```", (tmp_path / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(lines.replace("2.0, 50", "2.0, 10"), names)
    noise = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    images = our_images(model, torch.tensor([0]), noise, shift)
    torch.testing.assert_close(images, names["x"], atol=1e-4, rtol=0)


def test_a_model_without_a_condition_becomes_one_with_one_label(tmp_path):
    model = FlowModel(random_dit(SMALL, has_labels=False))
    export_diffusers(tmp_path, model)
    library, _ = opened(tmp_path)
    x, t, ids = torch.randn(2, 3, 8, 8), torch.rand(2), torch.zeros(2, 0, dtype=torch.long)
    theirs = library_output(library, x, t, torch.tensor([0, 1]))
    torch.testing.assert_close(model(x, t, ids), theirs, atol=1e-5, rtol=1e-5)
    assert isinstance(import_diffusers(tmp_path).model.network.condition, NoCondition)


def test_our_reader_restores_what_was_written(tmp_path):
    model = FlowModel(random_dit(SMALL))
    export_diffusers(tmp_path, model, shift=2.5)
    found = import_diffusers(tmp_path)
    assert (found.shift, found.vae, found.model.network.config) == (2.5, None, SMALL)
    expected = model.state_dict()
    assert found.model.state_dict().keys() == expected.keys()
    assert all(torch.equal(found.model.state_dict()[name], expected[name]) for name in expected)


def test_a_folder_that_diffusers_wrote_is_read_with_its_own_eps(tmp_path):
    library = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=3,
        out_channels=3,
        num_layers=2,
        sample_size=8,
        num_embeds_ada_norm=10,
    ).eval()
    for name, tensor in library.state_dict().items():
        tensor += 0.05 * torch.randn_like(tensor)
        if ".emb." in name:  # as in published weights, equal in all blocks
            tensor.copy_(library.state_dict()[re.sub(r"blocks\.\d+", "blocks.0", name)])
    library.save_pretrained(tmp_path / "transformer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(tmp_path / "scheduler")
    model = import_diffusers(tmp_path).model
    assert model.network.config.mlp_norm_eps == 1e-5
    x, t, labels = 0.01 * torch.randn(4, 3, 8, 8), torch.rand(4), torch.tensor([0, 4, 9, 10])
    theirs = library_output(library, x, t, labels)
    torch.testing.assert_close(model(x, t, labels[:, None]), theirs, atol=1e-5, rtol=1e-5)


def test_the_images_of_a_latent_model_are_ours(tmp_path, monkeypatch):
    model = FlowModel(random_dit(SMALL))
    vae = VAE(VAEConfig(latent_channels=3, stage_channels=(8, 8))).eval()
    mean, std = torch.tensor([0.5, -1.0, 0.0]), torch.tensor([0.5, 1.0, 2.0])
    set_latent_scale(vae, LatentStatistics(mean, std))
    export_diffusers(tmp_path, model, vae)
    monkeypatch.chdir(tmp_path)
    names = {}
    readme = (tmp_path / "README.md").read_text()
    for lines in re.findall("```python\n(.*?)```", readme, re.DOTALL):
        exec(lines.replace("2.0, 50", "2.0, 10"), names)
    noise = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    read = import_diffusers(tmp_path)
    with torch.no_grad():
        images = read.vae.decode_scaled(our_images(read.model, torch.tensor([0]), noise))
    assert images.shape == (1, 3, 16, 16)
    torch.testing.assert_close(images, names["images"], atol=1e-4, rtol=0)
