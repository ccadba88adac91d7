"""Rows of whole steps: our `grpo` and trl's trainer on the same answers and rewards.

`grpo` runs first, and trl then gets the answers that it generated, with their rewards. Each phase
is trained on twice, so that in the second step ratios differ from 1 and tokens are clipped.
"""

import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.comparison.interleaved import largest_weight_difference
from gpt.comparison.rows import ComparisonRow
from gpt.policy.rollouts import Rollout
from gpt.training.loop import LoopConfig
from reasoning.comparison.grpo_rows import (
    COMPARED_LOSSES,
    GROUP_SIZE,
    SCALINGS,
    ComparedLoss,
)
from reasoning.grpo.advantages import Scaling
from reasoning.grpo.config import GRPOHyperparameters
from reasoning.grpo.grpo import grpo

if TYPE_CHECKING:
    from reasoning.baselines import ScoredAnswers

N_PHASES, STEPS_PER_PHASE, N_PROMPTS = 3, 2, 4
VOCAB_SIZE, STOP = 16, 0
RATE = 3e-3
STEP_TOLERANCE = 1e-4
"""A thirtieth of what one step may change a weight by."""
FEWEST_CLIPPED = 0.02
"""Share of tokens that must be clipped: steps that clip nothing do not compare the limits."""


def compared_loop(rate: float) -> LoopConfig:
    """Return the settings of trl's trainers: AdamW without decay, gradients clipped to norm 1."""
    return LoopConfig(
        learning_rate=rate, warmup_ratio=0.0, min_lr_ratio=1.0, beta2=0.999, weight_decay=0.0
    )


@dataclass
class RecordingReward:
    """Reward function of both sides that keeps the answers of every phase."""

    stop: int
    """Token that ends an answer, which counts as one of its tokens."""
    phases: list["ScoredAnswers"] = field(default_factory=list)

    def __call__(self, rollout: Rollout) -> Float[Tensor, " B"]:
        """Score the answers of `grpo`."""
        pairs = zip(rollout.prompts_and_answers(), rollout.stopped.tolist(), strict=True)
        found = [(prompt, answer + [self.stop] * stopped) for (prompt, answer), stopped in pairs]
        return torch.tensor(self.score(*map(list, zip(*found, strict=True))))

    def score_columns(self, tokens: Any, completion_ids: Any, **_: Any) -> list[float]:
        """Score the answers of trl's trainer, which passes everything that it knows by name."""
        return self.score(tokens, completion_ids)

    def score(self, prompts: list[list[int]], answers: list[list[int]]) -> list[float]:
        """Return the share of even tokens of each answer, a reward that any model can earn."""
        from reasoning.baselines import ScoredAnswers

        rewards = [sum(token % 2 == 0 for token in answer) / len(answer) for answer in answers]
        self.phases.append(ScoredAnswers(prompts, answers, rewards))
        return rewards

    def mean_length(self) -> float:
        """Return the tokens per answer of all phases."""
        return statistics.fmean(len(answer) for phase in self.phases for answer in phase.answers)


def random_prompts(phase: int) -> list[list[int]]:
    """Draw the prompts of a phase, of different lengths."""
    generator = torch.Generator().manual_seed(phase)
    lengths = torch.randint(2, 7, (N_PROMPTS,), generator=generator).tolist()
    return [torch.randint(2, VOCAB_SIZE, (n,), generator=generator).tolist() for n in lengths]


STEP_LOSSES = {
    "GRPO": COMPARED_LOSSES["GRPO"],
    "Dr. GRPO": COMPARED_LOSSES["Dr. GRPO"],
    "DAPO": COMPARED_LOSSES["DAPO"],
    # no ratio of so few steps reaches the usual cap, which is 5
    "CISPO, cap 1.1": COMPARED_LOSSES["CISPO"]._replace(epsilon_high=1.1),
    "GSPO": COMPARED_LOSSES["GSPO"],
}


def step_rows() -> list[ComparisonRow]:
    """Compare the weights after the steps of every loss, with the scalings in turn."""
    return [
        steps_row(name, scaling=SCALINGS[number % len(SCALINGS)])
        for number, name in enumerate(STEP_LOSSES)
    ]


def step_hyperparameters(compared: ComparedLoss, scaling: Scaling) -> GRPOHyperparameters:
    """Return our settings: every phase is trained on as a whole, twice."""
    return compared.hyperparameters(
        scaling, n_phases=N_PHASES, n_epochs=STEPS_PER_PHASE, prompts_per_phase=N_PROMPTS
    )


def steps_row(name: str, scaling: Scaling = "group", accumulation: int = 1) -> ComparisonRow:
    """Train both sides for six steps; both split a step's answers into as many micro-batches."""
    from gpt.baselines import library_version
    from gpt.comparison.baselines import our_policy, train_and_log
    from reasoning import baselines

    compared, reward = STEP_LOSSES[name], RecordingReward(STOP)
    library = baselines.small_llama(VOCAB_SIZE)
    ours = our_policy(library)
    config = step_hyperparameters(compared, scaling)
    micro_batch_size = config.answers_per_phase // accumulation
    settings = config, compared_loop(RATE), micro_batch_size
    records = list(grpo(ours, None, reward, random_prompts, STOP, *settings))
    n_steps = N_PHASES * STEPS_PER_PHASE
    with tempfile.TemporaryDirectory() as folder:
        trainer = baselines.grpo_trainer(
            library,
            reward.phases,
            GROUP_SIZE,
            Path(folder),
            accumulation=accumulation,
            steps=n_steps,
            rate=RATE,
            num_iterations=STEPS_PER_PHASE,
            **compared.library_settings(scaling),
        )
        losses = train_and_log(trainer, lambda step: None, n_steps)
    found = largest_weight_difference(ours, library)
    lasts = zip(records, losses[STEPS_PER_PHASE - 1 :: STEPS_PER_PHASE], strict=True)
    found = max(found, *(abs(record.loss - loss) for record, loss in lasts))
    clipped = statistics.fmean(record.clipped for record in records)
    if clipped < FEWEST_CLIPPED:
        found = float("inf")
    what = f"{name}, {scaling} scaling: losses and weights, {n_steps} steps"
    note = f"{clipped:.1%} of the tokens clipped"
    return ComparisonRow(what, library_version("trl"), found, STEP_TOLERANCE, note=note)
