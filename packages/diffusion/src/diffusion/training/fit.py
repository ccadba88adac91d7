"""Training in memory, without a run folder, for models that train in seconds."""

from collections.abc import Iterator

from diffusion.flow.loss import flow_loss
from diffusion.model.flow_model import FlowModel
from diffusion.training.batches import flow_batches
from diffusion.training.examples import Examples
from diffusion.training.options import TrainConfig
from gpt.training.loop import StepRecord, train


def fit_flow(model: FlowModel, examples: Examples, config: TrainConfig) -> Iterator[StepRecord]:
    """Train a flow model in place and yield a record after every step.

    The batches are those of `diffusion train` with this config. Nothing is validated or saved, and
    the model has the weights of the last step, even if `config.loop` averages them.
    """
    device = next(model.parameters()).device
    batches = flow_batches(examples, model.null.cpu(), config, device)
    yield from train(model, batches, flow_loss, config.loop)
