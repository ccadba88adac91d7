"""The start model in a run folder: options, training, and the gate at the end."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import ClassVar

import torch
import tyro

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy
from gpt.runs.folder import RunFolder
from gpt.runs.options import RunOptions
from gpt.runs.processes import n_processes
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import save_tokenizer
from gpt.training.loop import LoopConfig, train
from gpt.training.recipes import FAST_RECIPE
from reasoning.start.data import Tasks, training_batches
from reasoning.start.shipped import START_FILE
from reasoning.tasks.vocabulary import MAX_ATTEMPTS, TOKENIZER

CONTEXT = 192
"""Room for a prompt, eight attempts and an answer."""
N_HEADS = 4
REPORT_FILE = "gate.json"
START_LOOP = dataclasses.replace(FAST_RECIPE.loop, steps=1400)


@dataclass(frozen=True)
class StartConfig(RunOptions):
    """Train the start model: it tries, notices a miss and tries again."""

    command: ClassVar[str] = "reasoning train"

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = START_LOOP
    """Hyperparameters of the training loop. Longer training makes a stronger model, which
    leaves less for votes, search or reinforcement learning to improve."""
    batch_size: int = 83
    """Rows per step, drawn from the mix of tasks."""
    micro_batch_size: int | None = 28
    """Rows per forward and backward pass. Rows of similar length share one, to save padding."""
    name: str = "start"
    d_model: int = 96
    """Width of the residual stream. A wider model learns more per step, but is slower."""
    n_layers: int = 4
    """Transformer blocks. More learn more, but are slower."""
    chain_operand: int = 30
    """Largest operand of chain arithmetic. Larger ones make it harder."""
    chain_operations: int = 1
    """Operations that a line of a chain's steps calculates at once. More make it harder."""
    max_attempts: int = MAX_ATTEMPTS
    """Most attempts in a training trace of countdown. With 1, the model sees no miss and no
    second attempt."""
    n_evaluated: int = 400
    """Held-out problems of each task that the gate samples eight times each."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        super().__post_init__()
        for name in ("n_layers", "chain_operations", "n_evaluated"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 2 <= self.chain_operand <= 99:
            raise BadInput(f"chain_operand must lie between 2 and 99, got {self.chain_operand}")
        if not 1 <= self.max_attempts <= MAX_ATTEMPTS:
            raise BadInput(
                f"max_attempts must lie between 1 and {MAX_ATTEMPTS}, got {self.max_attempts}"
            )
        if self.loop.patience:
            raise BadInput("patience has no effect here: this training has no validation")
        self.model_config()

    def model_config(self) -> GPTConfig:
        """Return the shape of the model: rotary positions, RMSNorm and the squared ReLU."""
        return GPTConfig(
            vocab_size=TOKENIZER.vocab_size,
            context=CONTEXT,
            n_layers=self.n_layers,
            n_heads=N_HEADS,
            d_model=self.d_model,
            d_ff=4 * self.d_model,
            **FAST_RECIPE.model_fields,
        )

    def tasks(self) -> Tasks:
        """Return the tasks of the run."""
        return Tasks.load(self.chain_operand, self.chain_operations, self.max_attempts)


def create_run(folder: RunFolder, config: StartConfig) -> None:
    """Write the tokenizer and the config of a new run; its rows are drawn in training."""
    tasks = config.tasks()
    held_out = json.dumps([tasks.four.held_out, tasks.three.held_out])
    folder.clear()
    for name in (START_FILE, REPORT_FILE):  # of an earlier run of this name
        (folder.path / name).unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, TOKENIZER)
    # the run has no text; what decides its rows, apart from the seed, is what they leave out
    sha256 = hashlib.sha256(held_out.encode()).hexdigest()
    folder.write_config(config.model_config(), sha256, config.settings(), config.command)


def train_start_model(run: TrainingRun, config: StartConfig) -> None:
    """Train the model of a run on rows of the mix, from its last checkpoint."""
    torch.manual_seed(config.loop.seed)
    policy = Policy(run.folder.model_config()).to(run.device)
    size = config.micro_batch_size or config.batch_size
    batches = training_batches(
        config.tasks(), config.batch_size, size, config.loop.seed, run.device
    )
    start, checkpoints = run.last_checkpoint(), run.folder.checkpoints
    records = train(policy, batches, sft_loss, config.loop, start=start, folder=checkpoints)
    n_tokens = sum(int(rows.lengths.sum()) for rows in batches(0)) * n_processes()
    title = f"{policy.n_parameters():,} parameters on {run.device.type}"
    run.follow(records, config.loop.steps, title, n_tokens)
