"""The stages one after the other, as the demo and the capstone run them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from finetune.assistant.answering import question_items
from finetune.assistant.assistant import Assistant, load_assistant
from finetune.assistant.base_model import base_config, ensure_base
from finetune.assistant.sampled_pairs import N_QUESTIONS, sample_ranked_pairs
from finetune.commands.dpo import DPO, DPO_LOOP, DpoConfig, pair_selection
from finetune.commands.ppo import DEFAULT_PPO, PPO, PPO_LOOP, PpoConfig
from finetune.commands.reward import REWARD, REWARD_LOOP, RewardConfig
from finetune.commands.rows import report_selection
from finetune.commands.sft import SFT, SFT_LOOP, SftConfig
from finetune.commands.stage import FinetuneConfig, Stage, train_stage
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import Task, keep_usable, pair_task, question_task
from finetune.evaluation.against_reference import evaluate_against_reference
from finetune.evaluation.answers_report import answers_report
from gpt.errors import BadInput
from gpt.training.loop import LoopConfig

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class PipelineSizes:
    """How long each stage takes, and the examination."""

    base: int = 600
    """Updates of the base, on text."""
    base_batch: int = 16
    """Sequences in one of them."""
    sft: int = SFT_LOOP.steps
    """Updates of supervised fine-tuning."""
    reward: int = REWARD_LOOP.steps
    """Updates of the reward model."""
    dpo: int = DPO_LOOP.steps
    """Updates of DPO."""
    phases: int = DEFAULT_PPO.phases
    """Phases of PPO."""
    pairs: int = 10_000
    """Most pairs of documented and spoilt answers, of each side."""
    sampled: int = N_QUESTIONS
    """Questions that the model answers several times, to be ranked."""
    questions: int = 1000
    """Most held-out questions that the models are judged on."""

    def __post_init__(self) -> None:
        """Refuse a stage without a step."""
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise BadInput(f"{field.name} must be at least 1, got {getattr(self, field.name)}")


@dataclass(frozen=True)
class Pipeline:
    """The stages of one seed. Each returns its run's folder.

    Raises:
        KeyboardInterrupt: a stage was stopped.
    """

    runs: Path
    lengths: PipelineSizes = PipelineSizes()
    seed: int = 0
    device: str = "auto"

    def base(self) -> str:
        """The text predictor; one that lies there already is used again."""
        config = base_config(self.runs, self.lengths.base, self.device, self.seed)
        return str(ensure_base(replace(config, batch_size=self.lengths.base_batch)))

    def sft(self, base: str) -> str:
        """It learns to answer."""
        return self.trained(SFT, SftConfig, SFT_LOOP, self.lengths.sft, model=base)

    def reward(self, sft: str, pairs: Task[PreferencePair], name: str = "reward") -> str:
        """A model that scores answers."""
        stage, steps = stage_with_pairs(REWARD, pairs), self.lengths.reward
        return self.trained(stage, RewardConfig, REWARD_LOOP, steps, model=sft, name=name)

    def dpo(self, sft: str, pairs: Task[PreferencePair]) -> str:
        """From the pairs directly."""
        return self.trained(
            stage_with_pairs(DPO, pairs), DpoConfig, DPO_LOOP, self.lengths.dpo, model=sft
        )

    def ppo(self, sft: str, reward: str, name: str = "ppo", beta: float = DEFAULT_PPO.beta) -> str:
        """From the scores of its own answers."""
        ppo = replace(DEFAULT_PPO, phases=self.lengths.phases, beta=beta)
        options = {"model": sft, "reward": reward, "name": name, "ppo": ppo}
        return self.trained(PPO, PpoConfig, PPO_LOOP, PPO_LOOP.steps, **options)

    def trained(
        self, stage: Stage, kind: type[FinetuneConfig], loop: LoopConfig, steps: int, **options: Any
    ) -> str:
        """Train a stage with this seed; the run before of its name is replaced."""
        loop = replace(loop, steps=steps, seed=self.seed)
        shared = {"runs": self.runs, "device": self.device, "overwrite": True, "loop": loop}
        config = kind(**shared, **options)
        if train_stage(stage, config)[0]:
            raise KeyboardInterrupt
        return str(config.runs / config.name)

    def judged(self, names: Sequence[str], shown: int) -> dict[str, Any]:
        """What models say to held-out questions, and where those that came after `sft` stand."""
        held_out = question_task().held_out[: self.lengths.questions]
        models = {name: str(self.runs / name) for name in names}
        found = answers_report(models, question_items(held_out), shown, baseline="sft")
        before = load_assistant(models["sft"])
        found["standing"] = {
            name: evaluate_against_reference(load_assistant(model), before, held_out)._asdict()
            for name, model in models.items()
            if name != "base"
        }
        return found


def documentation_pairs(lengths: PipelineSizes, seed: int) -> Task[PreferencePair]:
    """Pairs of documented and spoilt answers."""
    found = pair_task("python")
    return Task(
        *(sample_at_most(side, lengths.pairs, seed) for side in (found.train, found.held_out))
    )


def pairs_from_model(sft: str, lengths: PipelineSizes, seed: int) -> Task[PreferencePair]:
    """Pairs of the model's own answers, ranked by the rule."""
    return sample_ranked_pairs(load_assistant(sft), lengths.sampled, seed)


def sample_at_most(items: list[_Item], n: int, seed: int) -> list[_Item]:
    """At most n of them, drawn."""
    return random.Random(seed).sample(items, min(n, len(items)))


def stage_with_pairs(stage: Stage, task: Task[PreferencePair]) -> Stage:
    """The stage on pairs that are there already, without those that do not fit."""

    def usable(config: FinetuneConfig, assistant: Assistant) -> Task[PreferencePair]:
        selection = pair_selection(config, assistant)
        kept = keep_usable(task, selection)
        report_selection(selection)
        return kept

    return replace(stage, task=usable)
