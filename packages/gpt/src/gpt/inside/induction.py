r"""Induction: a small model learns to continue a repetition, and grows the heads that do it.

Olsson et al. 2022, "In-context Learning and Induction Heads"; Elhage et al. 2021, "A Mathematical
Framework for Transformer Circuits". Random tokens are repeated after a random period, so nothing
can be predicted but the repetition: after "... A B ... A" comes B. One layer cannot find it. In two
layers, a head of the first copies to each position the token before it, and a head of the second,
the induction head, looks for the position to which its own token was copied. Neither is of use
without the other, so both appear within a few steps, after a time in which little is learned.

The tokens of a period are distinct. A token that came twice would have two successors, and nothing
in the text would tell which of them is next.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.training.accumulation import LossSum
from gpt.training.loop import LoopConfig, StepRecord, train


@dataclass(frozen=True)
class RepeatTask:
    """Sizes of the sequences; a model of two layers learns the defaults in half a minute."""

    vocab_size: int = 24
    length: int = 25
    """Tokens per sequence: two periods or more."""
    shortest: int = 7
    """Shortest period. It varies, or attention to a fixed distance would do."""
    longest: int = 12
    """Longest period."""

    def __post_init__(self) -> None:
        """Refuse sizes with which nothing repeats, or not all tokens of a period are distinct."""
        if not 1 <= self.shortest <= self.longest <= min(self.vocab_size, self.length - 2):
            raise BadInput(
                f"periods from {self.shortest} to {self.longest} need 1 <= shortest <= longest, "
                f"as many of the {self.vocab_size} tokens, and sequences longer by 2 at least "
                f"than a period, not of {self.length}"
            )


INDUCTION_MODEL = GPTConfig(
    vocab_size=24, context=25, n_layers=2, n_heads=2, d_model=64, d_ff=256, tied_head=False
)
INDUCTION_LOOP = LoopConfig(steps=700, learning_rate=5e-3, min_lr_ratio=1.0, weight_decay=0.0)
"""A constant rate, so that a run may stop when the model has learned the task."""

Sequences = Callable[[RepeatTask, int, torch.Generator], Int[Tensor, "B T"]]
"""`repeated_sequences` or `shuffled_sequences`."""


def repeated_sequences(
    task: RepeatTask, n_rows: int, generator: torch.Generator
) -> Int[Tensor, "B T"]:
    """Return rows of distinct random tokens, each row repeated after a period of its own."""
    tokens, period = distinct_tokens(task, n_rows, generator)
    return tokens.gather(1, torch.arange(task.length) % period)


def shuffled_sequences(
    task: RepeatTask, n_rows: int, generator: torch.Generator
) -> Int[Tensor, "B T"]:
    """Return the control: the tokens of a period come again, but each time in another order."""
    tokens, period = distinct_tokens(task, n_rows, generator)
    n_periods = -(-task.length // task.shortest)
    # in each row 0, 1, ..., period - 1 in random order, and then what is too large
    too_large = torch.arange(task.longest) >= period
    draws = torch.rand(n_rows, n_periods, task.longest, generator=generator)
    order = (draws + too_large[:, None]).argsort(dim=-1)
    t = torch.arange(task.length)
    place = order.flatten(1).gather(1, t // period * task.longest + t % period)
    return tokens.gather(1, place)


def distinct_tokens(
    task: RepeatTask, n_rows: int, generator: torch.Generator
) -> tuple[Int[Tensor, "B V"], Int[Tensor, "B 1"]]:
    """Return the vocabulary in a random order for each row, and the row's period."""
    tokens = torch.rand(n_rows, task.vocab_size, generator=generator).argsort(dim=1)
    return tokens, torch.randint(task.shortest, task.longest + 1, (n_rows, 1), generator=generator)


def seen_before(tokens: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
    """Mark the positions whose token occurred earlier in the row, so that the next can be known."""
    return (tokens[:, :, None] == tokens[:, None]).tril(-1).any(dim=-1)


def repeat_loss(model: nn.Module, tokens: Int[Tensor, "B T"]) -> LossSum:
    """Return the summed cross-entropy of the tokens that follow a token seen before, in nats."""
    scored = seen_before(tokens)[:, :-1]
    logits, targets = model(tokens[:, :-1])[scored], tokens[:, 1:][scored]
    return LossSum(F.cross_entropy(logits, targets, reduction="sum"), len(targets))


@torch.no_grad()
def repeat_accuracy(model: GPT, tokens: Int[Tensor, "B T"]) -> float:
    """Return the share of those tokens that the model finds the likeliest.

    Raises:
        BadInput: no token repeats.
    """
    scored = seen_before(tokens)[:, :-1]
    if not scored.any():
        raise BadInput("no token of these sequences repeats, so no repetition can be continued")
    right = model(tokens[:, :-1]).argmax(dim=-1) == tokens[:, 1:]
    return float(right[scored].double().mean())


def train_on_sequences(
    model: GPT, sequences: Sequences, task: RepeatTask, loop: LoopConfig, batch_size: int = 32
) -> Generator[StepRecord, None, None]:
    """Train the model on new sequences in every step, and yield a record after each."""

    def batches(step: int) -> list[Int[Tensor, "B T"]]:
        generator = torch.Generator().manual_seed(loop.seed * 1_000_000 + step)
        return [sequences(task, batch_size, generator)]

    yield from train(model, batches, repeat_loss, loop)
