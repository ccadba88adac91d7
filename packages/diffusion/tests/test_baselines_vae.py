"""The autoencoder against AutoencoderKL of diffusers, with the same weights."""

import json

import pytest
import torch

from diffusion.vae.diffusers_folder import (
    from_autoencoder_config,
    load_autoencoder_kl,
    save_autoencoder_kl,
    to_autoencoder_config,
)
from diffusion.vae.diffusers_weights import from_autoencoder_kl, to_autoencoder_kl
from diffusion.vae.latents import LatentStatistics, set_latent_scale
from diffusion.vae.vae import VAE, VAEConfig
from gpt.errors import BadInput

diffusers = pytest.importorskip("diffusers", reason="baselines: needs the extra baselines")
pytestmark = pytest.mark.baselines


def library_vae(config, dtype=torch.float64):
    settings = to_autoencoder_config(VAE(config))
    del settings["_class_name"]
    library = diffusers.AutoencoderKL(**settings).to(dtype).eval()
    with torch.no_grad():
        for parameter in library.parameters():  # biases and gains too, which start at 0 and 1
            parameter += 0.05 * torch.randn_like(parameter)
    return library


def our_vae(library, config):
    ours = VAE(config).double().eval()
    weights = from_autoencoder_kl(library.state_dict(), config)
    missing, unknown = ours.load_state_dict(weights, strict=False)
    assert (missing, unknown) == (["latent_mean", "latent_scale"], [])
    return ours


SHAPES = [
    VAEConfig(stage_channels=(16, 24, 32)),
    VAEConfig(1, 3, (8, 16), n_blocks=2, n_groups=4, attention=False),
]


@pytest.mark.parametrize("config", SHAPES)
def test_encode_decode_and_gradients_equal_those_of_diffusers(config):
    library = library_vae(config)
    ours = our_vae(library, config)
    images = torch.randn(2, config.n_channels, 16, 16, dtype=torch.float64)
    theirs = library.encode(images).latent_dist
    distribution = ours.encode(images)
    torch.testing.assert_close(distribution.mean, theirs.mean, atol=1e-10, rtol=0)
    torch.testing.assert_close(distribution.log_variance, theirs.logvar, atol=1e-10, rtol=0)
    torch.testing.assert_close(distribution.kl(), theirs.kl(), atol=1e-10, rtol=1e-12)
    noise = torch.randn_like(theirs.mean)
    their_images = library.decode(theirs.mean + theirs.std * noise).sample
    our_images = ours(images, noise).images
    torch.testing.assert_close(our_images, their_images, atol=1e-10, rtol=0)
    target = torch.randn_like(images)
    (our_images - target).square().mean().backward()
    (their_images - target).square().mean().backward()
    our_gradients = {name: p.grad for name, p in ours.named_parameters()}
    their_gradients = {name: p.grad for name, p in library.named_parameters()}
    converted = from_autoencoder_kl(their_gradients, config)
    torch.testing.assert_close(our_gradients, converted, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("config", SHAPES)
def test_weights_there_and_back_are_equal_to_the_bit(config):
    library = library_vae(config, torch.float32).state_dict()
    ours = from_autoencoder_kl(library, config)
    back = to_autoencoder_kl(ours, config)
    assert back.keys() == library.keys()
    assert all(torch.equal(back[name], library[name]) for name in library)


def test_a_folder_that_we_write_opens_in_diffusers_and_scales_alike(tmp_path):
    vae = VAE(SHAPES[0]).eval()
    mean, std = torch.tensor([0.1, -2.0, 0.0, 3.0]), torch.tensor([0.5, 1.0, 2.0, 4.0])
    set_latent_scale(vae, LatentStatistics(mean, std))
    save_autoencoder_kl(tmp_path / "vae", vae)
    library = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae")
    assert list(library.config.block_out_channels) == [16, 24, 32]
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        theirs, ours = library.encode(images).latent_dist.mean, vae.encode_scaled(images)
        scaled = (theirs - mean[:, None, None]) * library.config.scaling_factor
        scaled = scaled / torch.tensor(library.config.latents_std)[:, None, None]
        torch.testing.assert_close(ours, scaled, atol=1e-5, rtol=0)
        torch.testing.assert_close(vae.decode_scaled(ours), library.decode(theirs).sample)


def test_a_folder_of_diffusers_loads_with_its_one_scale(tmp_path):
    library = library_vae(SHAPES[0], torch.float32)
    settings = {"scaling_factor": 0.25, "shift_factor": 0.5}
    settings |= {"latents_mean": None, "latents_std": None}
    library.register_to_config(**settings)
    library.save_pretrained(tmp_path)
    vae = load_autoencoder_kl(tmp_path)
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        expected = (library.encode(images).latent_dist.mean - 0.5) * 0.25
        torch.testing.assert_close(vae.encode_scaled(images), expected, atol=1e-5, rtol=0)


def test_another_architecture_is_refused(tmp_path):
    settings = to_autoencoder_config(VAE(SHAPES[0]))
    assert from_autoencoder_config(settings)[0] == SHAPES[0]
    with pytest.raises(BadInput, match="use_quant_conv must be True for our autoencoder"):
        from_autoencoder_config(settings | {"use_quant_conv": False})
    save_autoencoder_kl(tmp_path, VAE(SHAPES[0]))
    (tmp_path / "config.json").write_text(json.dumps(settings | {"block_out_channels": [8, 8, 8]}))
    with pytest.raises(BadInput, match="do not fit: size mismatch"):
        load_autoencoder_kl(tmp_path)
    with pytest.raises(BadInput, match="unknown tensor 'odd'"):
        from_autoencoder_kl({"odd": torch.zeros(1)}, SHAPES[0])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadInput, match="has no entry 'block_out_channels'"):
        load_autoencoder_kl(tmp_path)
