"""Training a flow model of data, or of the latents of an autoencoder, in a run folder."""

import json
from pathlib import Path
from typing import Any, Literal

import torch

from diffusion.clip.config import CLIPConfig, TowerConfig
from diffusion.clip.file import load_clip, save_clip
from diffusion.data.captions import WordTokenizer
from diffusion.flow.loss import flow_loss
from diffusion.model.dit import DiTConfig
from diffusion.model.fast import use_fast_operations
from diffusion.model.flow_model import FlowModel, FlowModelConfig
from diffusion.model.point_network import PointNetworkConfig
from diffusion.model.unet import UNetConfig
from diffusion.training.batches import flow_batches, flow_validation
from diffusion.training.examples import load_examples
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig
from diffusion.training.prompts import LabelNames, Prompts, report_unknown_words
from diffusion.vae.file import load_vae, save_vae
from gpt.runs.checkpoints import last_checkpoint
from gpt.runs.state import load_weights, select_prefix
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import train


def create_flow_run(folder: DiffusionFolder, config: TrainConfig) -> None:
    """Write the config and prompts of a new run, and copies of the models that it builds on."""
    vae = load_vae(find_model_file(config.vae, "vae")) if config.vae else None
    clip = load_clip(find_model_file(config.clip, "clip")) if config.clip else None
    words = WordTokenizer.from_json(json.dumps(clip.words)) if clip else None
    examples = load_examples(config, vae.vae if vae else None, words)
    shape = tuple(examples.train.x.shape[1:])
    model = flow_model_config(config, shape, examples.prompts, clip.clip.config if clip else None)
    report_unknown_words(examples.held_out_captions, examples.prompts)
    folder.clear()
    if vae is not None:
        save_vae(folder.vae, *vae)
    if clip is not None:
        save_clip(folder.clip, *clip)
    folder.write_prompts(examples.prompts)
    folder.write_config(model, examples.sha256, config.settings(), config.command)


def flow_model_config(
    config: TrainConfig, shape: tuple[int, ...], prompts: Prompts | None, clip: CLIPConfig | None
) -> FlowModelConfig:
    """Return the config of a flow model.

    Args:
        config: the options of the run.
        shape: shape of an example.
        prompts: the classes or words that the model learns.
        clip: the trained CLIP whose caption encoder the model uses, if there is one.

    Raises:
        BadInput: the shape of the network does not fit the examples.
    """
    n_labels = len(prompts.names) if isinstance(prompts, LabelNames) else 0
    captions = None
    if isinstance(prompts, WordTokenizer):
        captions = clip or CLIPConfig(
            prompts.vocab_size, prompts.context, caption_tower=TowerConfig(n_layers=1)
        )
    if len(shape) == 1:
        network = PointNetworkConfig(shape[0], config.d_model, config.n_layers)
    elif config.network == "unet":
        n_channels, size, _ = shape
        channels = (config.d_model // 2, config.d_model)
        network = UNetConfig(n_channels, size, channels, config.d_model)
    else:
        n_channels, size, _ = shape
        network = DiTConfig(
            n_channels=n_channels,
            size=size,
            patch_size=config.patch_size,
            n_layers=config.n_layers,
            n_heads=config.n_heads,
            d_model=config.d_model,
            d_ff=4 * config.d_model,
            positions=config.positions,
            qk_norm=config.qk_norm,
            cross_attention=config.condition == "text",
        )
    is_frozen = clip is not None
    return FlowModelConfig(network, config.target, config.condition, n_labels, captions, is_frozen)


def find_model_file(name: str, kind: Literal["vae", "clip"]) -> Path:
    """Return the file of a model that the user named by its file or by the folder of its run."""
    path = Path(name)
    return getattr(DiffusionFolder(path), kind) if path.is_dir() else path


def build_flow_model(folder: DiffusionFolder) -> FlowModel:
    """Build the flow model of a run with new weights, except those of a CLIP's caption encoder."""
    model = folder.flow_model_config().build()
    if folder.clip.is_file():
        encoder: Any = model.network.condition.encoder  # pyright: ignore
        encoder.tower.load_state_dict(load_clip(folder.clip).clip.caption_tower.state_dict())
    use_fast_operations(model)
    return model


def train_flow_model(run: TrainingRun, config: TrainConfig) -> None:
    """Train the flow model of a run, from its last checkpoint."""
    folder = run.folder
    assert isinstance(folder, DiffusionFolder)
    vae = load_vae(folder.vae).vae if config.vae else None
    examples = load_examples(config, vae, folder.read_prompts())
    folder.refuse_changed_data(examples.sha256)
    torch.manual_seed(config.loop.seed)
    model = build_flow_model(folder).to(run.device)
    null, size = model.null.cpu(), config.micro_batch_size or config.batch_size
    batches = flow_batches(examples.train, null, config, run.device)
    validate = flow_validation(examples.held_out, null, size, run.device)
    start, checkpoints = run.last_checkpoint(), folder.checkpoints
    records = train(model, batches, flow_loss, config.loop, validate, start, checkpoints)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    title = f"{n_parameters:,} parameters on {run.device.type}"
    run.follow(records, config.loop.steps, title, config.batch_size, "examples")


def load_flow_model(folder: DiffusionFolder, device: torch.device | None = None) -> FlowModel:
    """Load the flow model of a run as it was at the last checkpoint.

    Not at the lowest validation loss: samples still improve when the loss on held-out images rises.
    """
    model = build_flow_model(folder)
    checkpoint = last_checkpoint(folder.checkpoints)
    load_weights(model, select_prefix(checkpoint.tensors, "model"))
    return model.to(device).eval()
