"""Training a flow model in a run folder, of data or of the latents of an autoencoder."""

from pathlib import Path

import torch

from diffusion.flow.loss import flow_loss
from diffusion.model.flow_model import FlowModel
from diffusion.training.batches import flow_batches, flow_validation
from diffusion.training.examples import load_examples
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig, flow_model_config
from diffusion.vae.file import load_vae, save_vae
from gpt.model.fast.choose import use_fast_layers
from gpt.runs.checkpoints import best_checkpoint
from gpt.runs.state import load_weights, select_prefix
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import train


def create_flow_run(folder: DiffusionFolder, config: TrainConfig) -> None:
    """Write the config of a new run, after a copy of the autoencoder if it generates latents."""
    vae, about = None, {}
    if config.vae is not None:
        path = Path(config.vae)
        vae, about = load_vae(DiffusionFolder(path).vae if path.is_dir() else path)
    examples = load_examples(config, vae)
    model = flow_model_config(config, tuple(examples.train.x.shape[1:]), len(examples.label_names))
    folder.clear()
    if vae is not None:
        save_vae(folder.vae, vae, about)
    folder.write_config(model, examples.sha256(), config.settings(), config.command)


def train_flow_model(run: TrainingRun, config: TrainConfig) -> None:
    """Train the flow model of a run, from its last checkpoint."""
    folder = run.folder
    assert isinstance(folder, DiffusionFolder)
    vae = load_vae(folder.vae)[0] if config.vae is not None else None
    examples = load_examples(config, vae)
    folder.refuse_changed_data(examples.sha256())
    torch.manual_seed(config.loop.seed)
    model = folder.flow_model_config().build().to(run.device)
    use_fast_layers(model)
    null, size = model.null.cpu(), config.micro_batch_size or config.batch_size
    batches = flow_batches(
        examples.train,
        null,
        config.batch_size,
        size,
        config.drop_rate,
        config.times,
        config.loop.seed,
        run.device,
    )
    validate = flow_validation(examples.held_out, null, size, run.device)
    start, checkpoints = run.last_checkpoint(), folder.checkpoints
    records = train(model, batches, flow_loss, config.loop, validate, start, checkpoints)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    title = f"{n_parameters:,} parameters on {run.device.type}"
    run.follow(records, config.loop.steps, title, config.batch_size, "examples")


def load_flow_model(folder: DiffusionFolder, device: torch.device | None = None) -> FlowModel:
    """Load the flow model of a run at its lowest validation loss."""
    model = folder.flow_model_config().build()
    checkpoint = best_checkpoint(folder.checkpoints)
    load_weights(model, select_prefix(checkpoint.tensors, "model"))
    use_fast_layers(model)
    return model.to(device).eval()
