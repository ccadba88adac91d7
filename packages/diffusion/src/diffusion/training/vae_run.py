"""Training an autoencoder in a run folder, and measuring the scale of its latents."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffusion.data.image_set import ImageSet
from diffusion.training.batches import BatchOfRows, StepBatches, micro_batches, step_generator
from diffusion.training.folder import DiffusionFolder
from diffusion.training.images import images_sha256, load_task_images
from diffusion.training.options import TrainConfig
from diffusion.vae.file import save_vae
from diffusion.vae.latents import measure_latents, set_latent_scale
from diffusion.vae.loss import (
    ReconstructionQuality,
    draw_vae_batch,
    kl_weight_at,
    reconstruction_quality,
    vae_loss,
)
from diffusion.vae.vae import VAE, VAEConfig
from gpt.policy.rows import EpochSampler
from gpt.runs.checkpoints import best_checkpoint
from gpt.runs.state import load_weights, select_prefix
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import train

WARM_UP_SHARE = 0.1
"""Share of the steps over which the KL weight rises."""


def create_vae_run(folder: DiffusionFolder, config: TrainConfig) -> None:
    """Write the config of a new run."""
    train_images, held_out = load_task_images(config)
    model = VAEConfig(train_images.images.shape[1], config.latent_channels, config.stage_channels)
    draw_vae_batch(held_out.images[:1], model, 0.0, torch.Generator())  # refuses sizes that fail
    folder.clear()
    sha256 = images_sha256(train_images, held_out)
    folder.write_config(model, sha256, config.settings(), config.command)


def train_vae(run: TrainingRun, config: TrainConfig) -> None:
    """Train the autoencoder of a run, from its last checkpoint."""
    folder = run.folder
    assert isinstance(folder, DiffusionFolder)
    train_images, held_out = load_task_images(config)
    folder.refuse_changed_data(images_sha256(train_images, held_out))
    torch.manual_seed(config.loop.seed)
    vae = VAE(folder.vae_config()).to(run.device)
    records = train(
        vae,
        vae_batches(train_images, vae.config, config, run.device),
        vae_loss,
        config.loop,
        validate=reconstruction_error(held_out.images.to(run.device)),
        start=run.last_checkpoint(),
        folder=folder.checkpoints,
    )
    n_parameters = sum(parameter.numel() for parameter in vae.parameters())
    title = f"autoencoder of {n_parameters:,} parameters on {run.device.type}"
    run.follow(records, config.loop.steps, title, config.batch_size, "images")


def vae_batches(
    images: ImageSet, model: VAEConfig, config: TrainConfig, device: torch.device
) -> StepBatches:
    """Return a function that draws the batch of a step."""
    epochs = EpochSampler(len(images), config.batch_size, config.loop.seed)
    size = config.micro_batch_size or config.batch_size
    warmup_steps = round(WARM_UP_SHARE * config.loop.steps)

    def batches(step: int) -> list[BatchOfRows]:
        generator = step_generator(config.loop.seed, step)
        kl_weight = kl_weight_at(step, config.kl_weight, warmup_steps)
        batch = draw_vae_batch(images.images[epochs(step)], model, kl_weight, generator)
        return micro_batches(batch, size, device)

    return batches


def reconstruction_error(
    images: Float[Tensor, "N C height width"],
) -> Callable[[nn.Module], float]:
    """Return a function that measures the mean absolute error of a model's reconstructions."""

    def validate(model: nn.Module) -> float:
        assert isinstance(model, VAE)
        return reconstruction_quality(model, images).l1

    return validate


def finish_vae(folder: DiffusionFolder, config: TrainConfig) -> ReconstructionQuality:
    """Write the best autoencoder of a run with the scale of its latents; return its quality."""
    train_images, held_out = load_task_images(config)
    vae = VAE(folder.vae_config())
    load_weights(vae, select_prefix(best_checkpoint(folder.checkpoints).tensors, "model"))
    vae.eval()
    set_latent_scale(vae, measure_latents(vae, train_images.images))
    quality = reconstruction_quality(vae, held_out.images)
    save_vae(folder.vae, vae, {"options": config.settings(), "quality": quality._asdict()})
    return quality
