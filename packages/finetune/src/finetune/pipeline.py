"""All stages of fine-tuning in sequence, as the demo and the capstone run them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from finetune.assistant.answering import question_items
from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.base_model import base_config, ensure_base
from finetune.assistant.sampled_pairs import N_QUESTIONS
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import Task, keep_usable, pair_task, question_task
from finetune.dpo.pairs import pair_selection
from finetune.dpo.run import DPO_LOOP, DpoConfig, run_dpo
from finetune.evaluation.against_reference import evaluate_against_reference
from finetune.evaluation.answers_report import answers_report
from finetune.options import DataOptions, FinetuneOptions
from finetune.ppo.run import DEFAULT_PPO, PPO_LOOP, PpoConfig, load_questions, run_ppo
from finetune.reward.run import REWARD_LOOP, RewardConfig, run_reward
from finetune.runs import create_run, load_initial_assistant, reported_selection, save_adapter
from finetune.sft.run import SFT_LOOP, SftConfig, run_sft, select_conversations
from gpt.errors import BadInput
from gpt.runs.training_run import TrainingRun


@dataclass(frozen=True)
class PipelineSizes:
    """Length of each stage, and amounts of data; more learns more and takes longer."""

    base_steps: int = 600
    """Training steps of the base model, on text."""
    base_batch_size: int = 16
    """Sequences per training step of the base model."""
    sft_steps: int = SFT_LOOP.steps
    """Training steps of supervised fine-tuning."""
    reward_steps: int = REWARD_LOOP.steps
    """Training steps of the reward model."""
    dpo_steps: int = DPO_LOOP.steps
    """Training steps of DPO."""
    ppo_phases: int = DEFAULT_PPO.n_phases
    """Phases of PPO: each generates answers, then trains on them."""
    n_pairs: int = 10_000
    """At most this many pairs of a documented and a corrupted answer for training the reward model.
    At most as many again are held out."""
    n_sampled_questions: int = N_QUESTIONS
    """Questions that the sft model answers eight times each, for pairs of its own answers.
    DPO and the reward model learn from these pairs."""
    n_questions: int = 1000
    """At most this many held-out questions to evaluate the models on.
    More give narrower intervals."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is below 1.
        """
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise BadInput(f"{field.name} must be at least 1, got {getattr(self, field.name)}")


@dataclass(frozen=True)
class Pipeline:
    """The stages with one seed. Each replaces its earlier run and returns the run's folder.

    Raises:
        KeyboardInterrupt: Ctrl-C stopped a stage.
    """

    runs: Path
    sizes: PipelineSizes = PipelineSizes()
    seed: int = 0
    device: str = "auto"

    def base(self) -> str:
        """Train the base model, or use the one that is there."""
        config = base_config(self.runs, self.sizes.base_steps, self.device, self.seed)
        return str(ensure_base(replace(config, batch_size=self.sizes.base_batch_size)))

    def sft(self, base: str) -> str:
        """Teach the base model to answer."""
        loop = replace(SFT_LOOP, steps=self.sizes.sft_steps, seed=self.seed)
        config = SftConfig(loop, model=base, **self.shared_options())
        return run_stage(config, select_conversations, run_sft)

    def reward(self, sft: str, pairs: Task[PreferencePair], name: str = "reward") -> str:
        """Train a reward model on pairs."""
        loop = replace(REWARD_LOOP, steps=self.sizes.reward_steps, seed=self.seed)
        config = RewardConfig(loop, model=sft, name=name, **self.shared_options())
        return run_stage(config, pairs_that_fit(pairs), run_reward)

    def dpo(self, sft: str, pairs: Task[PreferencePair]) -> str:
        """Train a policy on pairs directly."""
        loop = replace(DPO_LOOP, steps=self.sizes.dpo_steps, seed=self.seed)
        config = DpoConfig(loop, model=sft, **self.shared_options())
        return run_stage(config, pairs_that_fit(pairs), run_dpo)

    def ppo(
        self, sft: str, reward: str, name: str = "ppo", kl_coef: float = DEFAULT_PPO.kl_coef
    ) -> str:
        """Train a policy on scores of its own answers."""
        loop = replace(PPO_LOOP, seed=self.seed)
        ppo = replace(DEFAULT_PPO, n_phases=self.sizes.ppo_phases, kl_coef=kl_coef)
        options = self.shared_options()
        config = PpoConfig(loop, model=sft, name=name, ppo=ppo, reward_model=reward, **options)
        return run_stage(config, load_questions, run_ppo)

    def shared_options(self) -> dict[str, Any]:
        """Options that all stages have."""
        return {"runs": self.runs, "device": self.device, "overwrite": True}

    def evaluate(self, names: Sequence[str], n_samples: int) -> dict[str, Any]:
        """Answer held-out questions with each model, and measure those after `sft` against it."""
        held_out = question_task().held_out[: self.sizes.n_questions]
        models = {name: str(self.runs / name) for name in names}
        report = answers_report(models, question_items(held_out), n_samples, baseline="sft")
        reference = load_assistant(models["sft"])
        report["standing"] = {
            name: evaluate_against_reference(load_assistant(model), reference, held_out)._asdict()
            for name, model in models.items()
            if name != "base"
        }
        return report


def run_stage(
    config: FinetuneOptions,
    load_task: Callable[[Any, Assistant], Task[Any]],
    train: Callable[[TrainingRun, Any], None],
) -> str:
    """Train a new run without a report and return its folder."""
    with TrainingRun(config) as run:
        with run.setup():
            assistant = load_initial_assistant(config)
            create_run(run.folder, config, assistant, load_task(config, assistant))
        train(run, config)
        if not run.is_finished:
            raise KeyboardInterrupt
        save_adapter(run.folder.path)
    return str(run.folder.path)


def documentation_pairs(sizes: PipelineSizes, seed: int) -> Task[PreferencePair]:
    """Return pairs of documented and corrupted answers, at most `n_pairs` per split."""
    task = pair_task("python")
    sides = (
        random.Random(seed).sample(side, min(sizes.n_pairs, len(side)))
        for side in (task.train, task.held_out)
    )
    return Task(*sides)


def pairs_that_fit(
    task: Task[PreferencePair],
) -> Callable[[DataOptions, Assistant], Task[PreferencePair]]:
    """Return a function that selects those of the given pairs that fit into the context."""

    def load(config: DataOptions, assistant: Assistant) -> Task[PreferencePair]:
        selection = pair_selection(config, assistant)
        with reported_selection(selection):
            return keep_usable(task, selection)

    return load
