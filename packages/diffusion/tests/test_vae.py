import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from diffusion.vae.file import load_vae, save_vae
from diffusion.vae.latents import (
    latent_statistics,
    measure_latents,
    set_latent_scale,
)
from diffusion.vae.vae import VAE, LatentDistribution, VAEConfig
from gpt.errors import BadInput

SMALL = VAEConfig(n_channels=1, latent_channels=2, stage_channels=(8, 16, 16))


def test_the_latent_of_an_image_is_smaller_by_the_factor():
    vae = VAE(SMALL)
    images, noise = torch.randn(3, 1, 16, 24), torch.randn(3, 2, 4, 6)
    assert SMALL.factor == 4
    assert vae.encode(images).mean.shape == noise.shape
    assert vae(images, noise).images.shape == images.shape


def test_the_kl_of_a_small_latent_is_that_of_a_calculation_by_hand():
    # mean 1 and variance 1: 1/2; mean 0 and variance e: (e - 2) / 2
    mean = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    log_variance = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    kl = LatentDistribution(mean, log_variance).kl()
    torch.testing.assert_close(kl, torch.tensor([0.5 + (math.e - 2) / 2]))


def test_the_kl_equals_that_of_torch_and_is_never_negative():
    mean, log_variance = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64)
    distribution = LatentDistribution(mean, log_variance)
    normal = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(normal, Normal(0.0, 1.0)).sum(dim=(1, 2, 3))
    torch.testing.assert_close(distribution.kl(), expected, atol=1e-12, rtol=1e-12)
    assert (distribution.kl() > 0).all()
    standard = LatentDistribution(torch.zeros_like(mean), torch.zeros_like(mean))
    assert torch.equal(standard.kl(), torch.zeros(5, dtype=torch.float64))


def test_a_sample_has_the_mean_and_variance_of_its_distribution():
    distribution = LatentDistribution(
        torch.full((1, 1, 200, 200), 3.0), torch.full((1, 1, 200, 200), math.log(4.0))
    )
    sample = distribution.sample(torch.randn(1, 1, 200, 200))
    assert sample.mean().item() == pytest.approx(3, abs=0.05)
    assert sample.var().item() == pytest.approx(4, abs=0.1)


def test_the_encoder_learns_through_the_sample():
    vae = VAE(SMALL)
    vae(torch.randn(2, 1, 8, 8), torch.randn(2, 2, 2, 2)).images.sum().backward()
    # the rows of mean and of log variance, in that order
    gradient = vae.to_distribution.weight.grad
    assert gradient[:2].abs().sum() > 0
    assert gradient[2:].abs().sum() > 0


def test_attention_lets_distant_positions_act_on_each_other():
    for attention in (True, False):
        vae = VAE(VAEConfig(1, 2, (8, 8), n_groups=1, attention=attention)).double()
        for module in vae.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.forward = lambda x: x  # normalisation mixes all positions
        images = torch.randn(1, 1, 64, 8, dtype=torch.float64)
        changed = images.clone()
        changed[:, :, -1] += 1
        before, after = (vae.encode(each).mean[:, :, 0] for each in (images, changed))
        assert torch.equal(before, after) is not attention


def test_the_scale_of_known_latents_is_a_mean_over_positions_and_no_sum():
    # channel 0: 1 and 3, mean 2 and standard deviation 1; channel 1: ten times as much
    row = torch.tensor([1.0, 3.0]).repeat(8)
    latents = torch.stack([row, 10 * row]).view(1, 2, 4, 4).repeat(5, 1, 1, 1)
    mean, std = latent_statistics(latents)
    assert mean.tolist() == [2.0, 20.0]
    assert std.tolist() == [1.0, 10.0]


def test_scaled_latents_have_mean_0_and_standard_deviation_1_per_channel():
    vae, images = VAE(SMALL).eval(), torch.rand(40, 1, 16, 16) * torch.linspace(-1, 1, 16)
    before = measure_latents(vae, images, batch_size=7)
    assert not 0.9 < before.std.mean() < 1.1
    set_latent_scale(vae, before)
    with torch.no_grad():
        scaled = vae.encode_scaled(images)
        decoded = vae.decode_scaled(scaled)
        expected = vae.decode(vae.encode(images).mean)
    assert ((scaled.std(dim=(0, 2, 3)) > 0.9) & (scaled.std(dim=(0, 2, 3)) < 1.1)).all()
    torch.testing.assert_close(scaled.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(decoded, expected, atol=1e-4, rtol=1e-4)


def test_a_file_keeps_weights_scale_config_and_description(tmp_path):
    vae = VAE(SMALL)
    set_latent_scale(vae, latent_statistics(torch.randn(3, 2, 4, 4) * 5 + 1))
    save_vae(tmp_path / "vae.safetensors", vae, {"steps": 7})
    loaded, about = load_vae(tmp_path / "vae.safetensors")
    assert (loaded.config, about) == (SMALL, {"steps": 7})
    images = torch.randn(1, 1, 8, 8)
    assert torch.equal(loaded.encode_scaled(images), vae.encode_scaled(images))
    assert loaded.latent_scale.min() > 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage_channels": (12, 16)}, r"must be multiples of 8, got \(12, 16\)"),
        ({"stage_channels": ()}, r"must be multiples of 8, got \(\)"),
        ({"n_blocks": 0}, "n_blocks must be at least 1, got 0"),
    ],
)
def test_impossible_shapes_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        VAEConfig(**changes)
