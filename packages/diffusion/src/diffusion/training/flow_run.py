"""Training a flow model in a run folder."""

import torch

from diffusion.flow.loss import flow_loss
from diffusion.model.flow_model import FlowModel
from diffusion.training.batches import flow_batches, flow_validation
from diffusion.training.examples import TaskExamples, load_examples
from diffusion.training.folder import DiffusionFolder
from diffusion.training.options import TrainConfig, flow_model_config
from gpt.errors import BadInput
from gpt.model.fast.choose import use_fast_layers
from gpt.runs.checkpoints import best_checkpoint
from gpt.runs.state import load_weights, select_prefix
from gpt.runs.training_run import TrainingRun
from gpt.training.loop import train


def create_flow_run(folder: DiffusionFolder, config: TrainConfig) -> None:
    """Write the config of a new run."""
    examples = load_examples(config.task, config.condition)
    model = flow_model_config(config, tuple(examples.train.x.shape[1:]), len(examples.label_names))
    folder.clear()
    folder.write_config(model, examples.sha256(), config.settings(), config.command)


def load_run_examples(folder: DiffusionFolder, config: TrainConfig) -> TaskExamples:
    """Load the data of a run.

    Raises:
        BadInput: the data has changed since the run was created.
    """
    examples = load_examples(config.task, config.condition)
    if examples.sha256() != folder.read_config()["text_sha256"]:
        raise BadInput(
            f"the data of {str(folder.path)!r} has changed since the run was created; "
            "start the run again with --overwrite"
        )
    return examples


def train_flow_model(run: TrainingRun, config: TrainConfig) -> None:
    """Train the flow model of a run, from its last checkpoint."""
    folder = run.folder
    assert isinstance(folder, DiffusionFolder)
    examples = load_run_examples(folder, config)
    torch.manual_seed(config.loop.seed)
    model = folder.flow_model_config().build().to(run.device)
    use_fast_layers(model)
    size = config.micro_batch_size or config.batch_size
    null = model.null.cpu()
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
    records = train(
        model,
        batches,
        flow_loss,
        config.loop,
        validate=flow_validation(examples.held_out, null, size, run.device),
        start=run.last_checkpoint(),
        folder=folder.checkpoints,
    )
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
