"""Rows of speed: whole steps of GRPO by us and by trl, generation included, taken in turns.

Both sides train the model of the package on the same prompts, and sample answers of their own. In
one row nothing ends an answer early, so both sides have the same tokens to compute. In the other
answers end by themselves, as in practice: a row that has ended leaves our batch, and answers of
similar length share a micro-batch. A step is everything from one update to the next: generating the
answers, rewards, advantages, both passes, clipping, the optimizer. Building models and trainers is
not timed.
"""

import copy
import random
import statistics
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gpt.comparison.interleaved import InterleavedSteps, largest_weight_difference
from gpt.comparison.rows import ComparisonRow
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rollouts import align_answers, aligned_answer_mask
from gpt.training.loop import LoopConfig, Training
from reasoning.comparison.grpo_rows import answer_batch, answers_as_rows
from reasoning.comparison.grpo_steps import RecordingReward, compared_loop
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.grpo import grpo, minibatch_loss
from reasoning.start.gate import MAX_TRACE
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Puzzle, all_puzzles
from reasoning.tasks.vocabulary import TOKENIZER

if TYPE_CHECKING:
    from reasoning.baselines import ScoredAnswers

NO_STOP = -1  # no token has this id
SPEED_RATE = 1e-4
SPEED_TOLERANCE = 1e-4
"""The length of AdamW's first step. A weight whose gradient is a rounding error may differ by some
of it; a weight that moved the other way differs by twice as much."""
EQUAL_LENGTHS_FLOOR, OWN_LENGTHS_FLOOR = 1.0, 2.0


@dataclass(frozen=True)
class StepBenchmark:
    """Sizes of the steps that are timed."""

    n_prompts: int = 16
    group_size: int = 8
    n_tokens: int = 96
    """Longest answer."""
    micro_batch_size: int = 32
    stop: int = NO_STOP
    """Token that ends an answer."""
    steps: int = 6
    """Steps that are timed, after a first one whose weights are compared."""

    @property
    def n_phases(self) -> int:
        """All steps."""
        return 1 + self.steps

    def hyperparameters(self) -> GRPOHyperparameters:
        """Return our settings: one update per phase, as in trl by default."""
        return GRPOHyperparameters(
            n_phases=self.n_phases,
            prompts_per_phase=self.n_prompts,
            group_size=self.group_size,
            max_new_tokens=self.n_tokens,
        )

    def prompts(self, phase: int) -> list[list[int]]:
        """Draw the prompts of a phase: puzzles that can be solved."""
        puzzles = random.Random(phase).sample(solvable_puzzles(), self.n_prompts)
        return [TOKENIZER.encode(countdown_prompt(puzzle)) for puzzle in puzzles]


@cache
def solvable_puzzles() -> tuple[Puzzle, ...]:
    """Return all puzzles of four numbers that have a solution."""
    return tuple(all_puzzles(4))


def equal_lengths_row() -> ComparisonRow:
    """Time steps in which every answer has all of its tokens."""
    return timed_step_row(StepBenchmark(), EQUAL_LENGTHS_FLOOR)


def own_lengths_row() -> ComparisonRow:
    """Time steps in which the model ends its answers."""
    stop = TOKENIZER.end_of_text
    return timed_step_row(StepBenchmark(n_tokens=MAX_TRACE, stop=stop), OWN_LENGTHS_FLOOR)


def timed_step_row(size: StepBenchmark, floor: float) -> ComparisonRow:
    """Time the steps; the difference is that of the weights after the first.

    The answers of the two sides differ. So the weights are those of trl, and ours after an update
    on trl's answers.
    """
    from gpt.baselines import library_version, to_library_model
    from gpt.comparison.baselines import train_and_log
    from reasoning import baselines

    start = share_layers_as(Policy, load_start_model().model)
    library, ours = to_library_model(start), copy.deepcopy(start)
    config, loop = size.hyperparameters(), compared_loop(SPEED_RATE)
    our_reward, library_reward = RecordingReward(size.stop), RecordingReward(size.stop)

    def weight_difference() -> float:
        after = updated_policy(start, library_reward.phases[0], config, loop)
        return largest_weight_difference(after, library)

    steps = grpo(
        ours, None, our_reward, size.prompts, size.stop, config, loop, size.micro_batch_size
    )
    interleaved = InterleavedSteps(steps, weight_difference, checked_steps=1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = baselines.generating_grpo_trainer(
            library,
            [prompt for phase in range(size.n_phases) for prompt in size.prompts(phase)],
            library_reward.score_columns,
            Path(folder),
            group_size=size.group_size,
            n_tokens=size.n_tokens,
            stop=size.stop,
            accumulation=config.answers_per_phase // size.micro_batch_size,
            steps=size.n_phases,
            rate=SPEED_RATE,
        )
        train_and_log(trainer, interleaved, n_logged=0)
    ours_s, library_s = (
        statistics.median(times[1:]) for times in (interleaved.our_times, interleaved.their_times)
    )
    lengths = [reward.mean_length() for reward in (our_reward, library_reward)]
    what = "equal lengths" if size.stop == NO_STOP else "answers end by themselves"
    name = f"GRPO, step with generation, {config.answers_per_phase} answers, {what}"
    note = "{:.1f} tokens per answer, the library's have {:.1f}".format(*lengths)
    found = interleaved.weight_difference
    version = library_version("trl")
    return ComparisonRow(name, version, found, SPEED_TOLERANCE, ours_s, library_s, floor, note)


def updated_policy(
    policy: Policy, answers: "ScoredAnswers", config: GRPOHyperparameters, loop: LoopConfig
) -> Policy:
    """Return a copy of the policy after one update on given answers."""
    after, rows = copy.deepcopy(policy), answers_as_rows(answers)
    width = aligned_answer_mask(rows).shape[1]
    with torch.no_grad():
        logprobs = align_answers(policy(rows.tokens, rows.mask), rows, width)
    batch = answer_batch(answers, config, logprobs, logprobs)
    with Training(after, config.loop_config(loop)) as training:
        for micro_batch in training.micro_batches([batch]):
            training.backward(minibatch_loss(training.model, micro_batch, config).loss)
        training.update()
    return after
