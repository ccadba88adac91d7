"""GRPO on a single puzzle, whose chance of being solved is known exactly after every phase.

Training on one puzzle teaches that puzzle and little else. But it takes seconds, and shows without
the noise of sampled evaluations how updates change the chance of the puzzle that they train on.
"""

from collections.abc import Iterator
from typing import NamedTuple

from gpt.policy.policy import Policy, share_layers_as
from gpt.training.config import LoopConfig
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.grpo import PhaseRecord, grpo
from reasoning.grpo.rewards import TextReward, score_rollout
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import TOKENIZER
from reasoning.values.policy_value import policy_values

ONE_PUZZLE_LOOP = LoopConfig(
    learning_rate=3e-4, min_lr_ratio=1.0, warmup_ratio=0.0, weight_decay=0.0
)
"""A constant rate, three times that of a whole run."""


class PuzzlePhase(NamedTuple):
    """A phase of the training, and the chance of the puzzle after it."""

    record: PhaseRecord
    chance: float
    """Exact chance that the first attempt of the policy wins, after the phase."""


def start_policy() -> Policy:
    """Return a fresh copy of the model of the package, as a policy."""
    return share_layers_as(Policy, load_start_model().model)


def winning_chance(policy: Policy, puzzle: Puzzle) -> float:
    """Return the exact chance that the first attempt of a policy wins."""
    return policy_values(policy, puzzle)[()]


def train_on_puzzle(
    policy: Policy,
    puzzle: Puzzle,
    reward: TextReward,
    sizes: GRPOHyperparameters,
    reference: Policy | None = None,
) -> Iterator[PuzzlePhase]:
    """Train a policy in place on its answers to a puzzle, and yield each phase."""
    prompt = TOKENIZER.encode(countdown_prompt(puzzle))
    score, stop = score_rollout(reward, sizes.group_size), TOKENIZER.end_of_text
    prompts = [prompt] * sizes.prompts_per_phase
    for record in grpo(policy, reference, score, lambda _: prompts, stop, sizes, ONE_PUZZLE_LOOP):
        yield PuzzlePhase(record, winning_chance(policy, puzzle))
