import math

import pytest
import torch
from torch import nn

from diffusion.vae.loss import (
    EDGE_WEIGHT,
    VAEBatch,
    draw_vae_batch,
    edge_loss,
    kl_weight_at,
    psnr,
    reconstruction_quality,
    vae_loss,
)
from diffusion.vae.vae import VAE, LatentDistribution, Reconstruction, VAEConfig
from gpt.errors import BadInput
from gpt.training.loop import LoopConfig, train

SMALL = VAEConfig(n_channels=1, latent_channels=2, stage_channels=(8, 16))


def test_edges_are_compared_in_both_directions():
    # a vertical edge between the columns of a 3 x 2 image, of height 2, is missing
    image = torch.tensor([[0.0, 2.0]] * 3).view(1, 1, 3, 2)
    assert edge_loss(image, torch.zeros_like(image)).tolist() == [2.0]
    turned = image.transpose(2, 3)
    assert edge_loss(turned, torch.zeros_like(turned)).tolist() == [2.0]
    assert edge_loss(image, image + 5).tolist() == [0.0]  # brightness is left to the L1


def test_the_loss_is_that_of_a_calculation_by_hand():
    image = torch.tensor([[0.0, 2.0]] * 3).view(1, 1, 3, 2)

    class Model(nn.Module):
        def forward(self, images, noise):
            # mean 2 and variance 1 at one position: a KL of 2
            one = torch.ones(1, 1, 1, 1)
            return Reconstruction(0 * images, LatentDistribution(2 * one, 0 * one))

    loss = vae_loss(Model(), VAEBatch(image, torch.zeros(1, 1, 1, 1), kl_weight=0.6))
    assert loss.terms == 6
    per_number = 1.0 + EDGE_WEIGHT * 2.0 + 0.6 * 2 / 6
    torch.testing.assert_close(loss.total, torch.tensor(6 * per_number))


def test_the_loss_of_parts_adds_up_to_that_of_the_batch():
    vae, images = VAE(SMALL).double(), torch.randn(5, 1, 8, 8)
    batch = draw_vae_batch(images, SMALL, 0.5, torch.Generator().manual_seed(1))
    batch = VAEBatch(batch.images.double(), batch.noise.double(), batch.kl_weight)
    whole = vae_loss(vae, batch)
    parts = [vae_loss(vae, batch.select(slice(*rows))) for rows in ((0, 2), (2, 5))]
    assert sum(part.terms for part in parts) == whole.terms == images.numel()
    torch.testing.assert_close(sum(part.total for part in parts), whole.total, rtol=1e-6, atol=0)


def test_the_kl_weight_warms_up_by_the_step_only():
    assert [kl_weight_at(step, 0.4, 4) for step in (0, 1, 3, 4, 99)] == [0.1, 0.2, 0.4, 0.4, 0.4]
    assert kl_weight_at(0, 0.4, 0) == 0.4


def test_a_batch_depends_on_the_generator_only():
    images = torch.randn(2, 1, 8, 8)
    first, again = (
        draw_vae_batch(images, SMALL, 0.1, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first.noise, again.noise)
    assert first.noise.shape == (2, 2, 4, 4)
    assert first.to(torch.device("cpu")).kl_weight == 0.1


def test_images_that_cannot_be_halved_are_refused():
    with pytest.raises(BadInput, match="images of 8 x 7 pixels .* must be multiples of 2"):
        draw_vae_batch(torch.zeros(2, 1, 8, 7), SMALL, 0.1, torch.Generator())


def test_psnr_of_known_errors():
    image = torch.zeros(1, 1, 2, 2)
    # an error of a tenth of the range everywhere is 20 dB
    torch.testing.assert_close(psnr(image, image + 0.2), torch.tensor([20.0]))
    assert psnr(image, image).item() == math.inf


def squares():
    """Images of 8 x 8 pixels with a bright square of 3 x 3 pixels each."""
    corners = [(top, left) for top in range(5) for left in range(5)][::2]
    images = torch.full((len(corners), 1, 8, 8), -1.0)
    for image, (top, left) in zip(images, corners, strict=True):
        image[:, top : top + 3, left : left + 3] = 1
    return images


def train_on_squares(kl_weight, steps):
    torch.manual_seed(0)
    vae, images = VAE(SMALL), squares()

    def batches(step):
        generator = torch.Generator().manual_seed(step)
        weight = kl_weight_at(step, kl_weight, 50)
        return [draw_vae_batch(images, SMALL, weight, generator)]

    config = LoopConfig(steps, 1e-2, weight_decay=0.0)
    losses = [record.loss for record in train(vae, batches, vae_loss, config)]
    return vae.eval(), losses


def test_it_learns_to_reconstruct_images_and_a_larger_kl_weight_blurs_them():
    images = squares()
    sharp, losses = train_on_squares(1e-3, 100)
    blurred, _ = train_on_squares(1.0, 50)
    assert losses[-1] < losses[0] / 4
    quality = reconstruction_quality(sharp, images, batch_size=10)
    assert quality.psnr > 20
    assert quality.l1 < 0.12
    assert reconstruction_quality(blurred, images).psnr < quality.psnr - 3
    with torch.no_grad():
        assert blurred.encode(images).kl().mean() < sharp.encode(images).kl().mean() / 4
