"""Trainers of transformers and trl as `compare` runs them: data of ids, settings, a callback.

Needs the extra `baselines`. A trainer tokenizes its data itself, so it gets text whose words are
the ids' own numbers: token boundaries cannot move.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from gpt.baselines import to_our_model, without_future_warnings
from gpt.policy.policy import Policy, share_layers_as

END_ID, PADDING_ID = 0, 1
"""Ids of the end-of-text and padding tokens; every other id is a word."""

LOGGING_STEPS = 10
"""Steps between two losses logged by a trainer, after the first steps that are compared."""


def our_policy(model: PreTrainedModel) -> Policy:
    """Copy the weights of a language model into our policy."""
    return share_layers_as(Policy, to_our_model(model))


def training_arguments(folder: Path, steps: int, batch_size: int, rate: float) -> dict[str, Any]:
    """Arguments of all trainers: full precision, fixed order, constant rate, no files.

    By default the trainers would compute in bf16 and recompute activations in the backward pass.
    """
    return {
        "output_dir": str(folder),
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "logging_strategy": "no",  # `StepCallback` decides when to log
        "disable_tqdm": True,
        "lr_scheduler_type": "constant",
        "learning_rate": rate,
        "train_sampling_strategy": "sequential",
        "max_steps": steps,
        "per_device_train_batch_size": batch_size,
    }


def id_tokenizer(vocab_size: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer whose word for id 17 is `17`; words are separated by spaces."""
    ids = {token_word(token): token for token in range(vocab_size)}
    words = Tokenizer(models.WordLevel(ids, token_word(PADDING_ID)))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"eos_token": token_word(END_ID), "pad_token": token_word(PADDING_ID)}
    return PreTrainedTokenizerFast(tokenizer_object=words, **special)


def token_word(token: int) -> str:
    """Word of an id; special tokens are bracketed so that no other word contains them."""
    return {END_ID: "<end>", PADDING_ID: "<pad>"}.get(token, str(token))


def spell_tokens(tokens: Sequence[int]) -> str:
    """Write ids as a text that `id_tokenizer` reads back."""
    return "".join(f" {token_word(token)}" for token in tokens)


def train_and_log(
    trainer: Trainer, after_step: Callable[[int], None], n_logged: int
) -> list[float]:
    """Train; return each of the first `n_logged` losses, then means over `LOGGING_STEPS` steps.

    Between two steps `after_step` is called with the number of steps done.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(StepCallback(after_step, n_logged))
    with without_future_warnings():
        trainer.train()
    return [record["loss"] for record in trainer.state.log_history if "loss" in record]


class StepCallback(TrainerCallback):
    """Call a function after each step; log the first steps and then every `LOGGING_STEPS`-th."""

    def __init__(self, function: Callable[[int], None], n_logged: int) -> None:
        self.function, self.n_logged = function, n_logged

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: Any
    ) -> None:
        """Run after the update of the weights and before the trainer logs."""
        step = state.global_step
        control.should_log = step <= self.n_logged or step % LOGGING_STEPS == 0
        self.function(step)
