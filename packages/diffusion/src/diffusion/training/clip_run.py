"""Training a CLIP in a run folder, and its retrieval accuracy on held-out images."""

import json
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.clip.file import save_clip
from diffusion.clip.loss import chance_loss, has_left_chance
from diffusion.clip.towers import CLIP
from diffusion.clip.training import CLIPBatch, UniqueCaptionSampler, clip_loss, retrieval_top1
from diffusion.data.captions import WordTokenizer
from diffusion.training.folder import DiffusionFolder
from diffusion.training.images import images_sha256, load_task_images
from diffusion.training.options import TrainConfig
from diffusion.training.prompts import report_unknown_words
from gpt.errors import BadInput, RunFailed
from gpt.files import write_atomically
from gpt.model.fast.choose import use_fast_layers
from gpt.runs.checkpoints import best_checkpoint
from gpt.runs.processes import local_rows
from gpt.runs.state import load_weights, select_prefix
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import train


class RetrievalRates(NamedTuple):
    """Shares of images whose own caption scores highest among all captions of their set."""

    train: float
    held_out: float


def create_clip_run(folder: DiffusionFolder, config: TrainConfig) -> None:
    """Write the words and the config of a new run.

    Raises:
        BadInput: there are too few images.
    """
    train_images, held_out = load_task_images(config)
    words = WordTokenizer.from_captions(train_images.captions)
    if len(held_out) < 2:
        raise BadInput(
            "a CLIP compares held-out images with each other and needs at least 2, got "
            f"{len(held_out)}; a tenth of your images is held out"
        )
    report_unknown_words(held_out.captions, words)
    UniqueCaptionSampler(train_images.captions, config.batch_size, 0)  # refuses unusable batches
    _, n_channels, size, _ = train_images.images.shape
    tower = TowerConfig(config.d_model, config.n_layers, config.n_heads)
    model = CLIPConfig(
        words.vocab_size,
        words.context,
        size,
        n_channels,
        config.patch_size,
        image_tower=tower,
        caption_tower=tower,
    )
    folder.clear()
    write_atomically(folder.words, words.to_json().encode())
    sha256 = images_sha256(train_images, held_out)
    folder.write_config(model, sha256, config.settings(), config.command)


def train_clip(run: TrainingRun, config: TrainConfig) -> None:
    """Train the CLIP of a run, from its last checkpoint."""
    folder = run.folder
    assert isinstance(folder, DiffusionFolder)
    train_images, held_out = load_task_images(config)
    folder.refuse_changed_data(images_sha256(train_images, held_out))
    words = folder.read_words()
    train_ids = words.encode(train_images.captions)
    torch.manual_seed(config.loop.seed)
    clip = CLIP(folder.clip_config()).to(run.device)
    use_fast_layers(clip)
    sampler = UniqueCaptionSampler(train_images.captions, config.batch_size, config.loop.seed)

    def batches(step: int) -> list[CLIPBatch]:
        rows = local_rows(sampler(step))
        return [CLIPBatch(train_images.images[rows], train_ids[rows]).to(run.device)]

    known = words.encode_known(held_out.captions)
    validate = clip_validation(CLIPBatch(held_out.images, known).to(run.device))
    start, checkpoints = run.last_checkpoint(), folder.checkpoints
    records = train(clip, batches, clip_loss, config.loop, validate, start, checkpoints)
    n_parameters = sum(parameter.numel() for parameter in clip.parameters())
    title = (
        f"CLIP of {n_parameters:,} parameters on {run.device.type}; guessing among "
        f"{config.batch_size} captions has a loss of {chance_loss(config.batch_size):.3f}"
    )
    run.follow(records, config.loop.steps, title, config.batch_size, "pairs")


def clip_validation(batch: CLIPBatch) -> Callable[[nn.Module], float]:
    """Return a function that measures the loss of held-out pairs, all in one batch."""

    def validate(model: nn.Module) -> float:
        with torch.no_grad():
            loss = clip_loss(model, batch)
        return loss.total.item() / loss.terms

    return validate


def finish_clip(folder: DiffusionFolder, config: TrainConfig) -> RetrievalRates:
    """Write the best CLIP of a run; return how often it finds the right caption.

    Raises:
        RunFailed: the loss never left that of guessing.
    """
    loss = min(record["loss"] for record in folder.read_log())
    if not has_left_chance(loss, config.batch_size):
        raise RunFailed(
            f"the loss never fell below {loss:.3f}, and guessing has "
            f"{chance_loss(config.batch_size):.3f}; try more steps or a smaller --learning-rate"
        )
    train_images, held_out = load_task_images(config)
    words, clip = folder.read_words(), CLIP(folder.clip_config())
    load_weights(clip, select_prefix(best_checkpoint(folder.checkpoints).tensors, "model"))
    clip.eval()
    rates = RetrievalRates(
        *(
            retrieval_top1(clip, each.images, words.encode_known(each.captions))
            for each in (train_images, held_out)
        )
    )
    about = {"options": config.settings(), "retrieval": rates._asdict()}
    save_clip(folder.clip, clip, json.loads(words.to_json()), about)
    return rates
