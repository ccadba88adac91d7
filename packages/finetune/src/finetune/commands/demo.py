"""`finetune demo`: every stage in about two minutes, from a text predictor to an assistant."""

import json as json_format
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from finetune.commands.stage import TASK_FILE
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import read_task
from finetune.evaluation.answers_report import print_answers, print_intervals
from finetune.evaluation.figures import save_stage_figure
from finetune.evaluation.reward_report import print_reward_report, reward_report
from finetune.optimum import experiment
from finetune.optimum.frontier import FrontierPoint, frontier_points
from finetune.optimum.sums import QUESTIONS
from finetune.pipeline import Pipeline, PipelineSizes, documentation_pairs, pairs_from_model
from gpt.plots import loss_chart
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message

MODELS = ("base", "sft", "dpo", "ppo")
SUMS_BETA = 0.3
"""Price of a nat for the policies on sums."""
DEMO_SIZES = PipelineSizes(
    base=180,
    base_batch=8,
    sft=100,
    reward=60,
    dpo=40,
    phases=8,
    pairs=500,
    sampled=60,
    questions=60,
)
"""Two minutes in all; shorter ones leave a base that says nothing."""


@dataclass(frozen=True)
class DemoConfig:
    """Pretrain, fine-tune, train a reward model, then PPO and DPO, and show what each did."""

    runs: Path = Path("runs/demo")
    """Where the runs lie; they replace those of the demo before, except its base."""
    lengths: tyro.conf.OmitArgPrefixes[PipelineSizes] = DEMO_SIZES
    """How long each stage takes."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    json: bool = False
    """Print one JSON document instead of a report."""


def run(config: DemoConfig) -> int:
    """Train all stages, judge them, draw them."""
    pipeline = Pipeline(config.runs, config.lengths, device=config.device)
    train_all(pipeline)
    report_message("asking all of them")
    found = pipeline.judged(MODELS, shown=3)
    reward = config.runs / "reward"
    found["reward"] = reward_report(reward, read_task(reward / TASK_FILE, PreferencePair).held_out)
    report_message("sums, where the best policy is known")
    curve, policies = train_on_sums()
    logs = {
        name: list(RunFolder(config.runs / name).read_log())
        for name in ("sft", "reward", "dpo", "ppo")
    }
    picture = config.runs / "report.png"
    save_stage_figure(picture, logs, curve, {name: [point] for name, point in policies.items()})
    found["sums"] = {name: point._asdict() for name, point in policies.items()}
    if config.json:
        print(json_format.dumps(found))
        return 0
    print_demo_report(found, logs["ppo"])
    print(
        f"Curves and frontier: {picture}. Talk to it: finetune chat --model {config.runs / 'ppo'}"
    )
    return 0


def train_all(pipeline: Pipeline) -> None:
    """Base, SFT, reward model, DPO and PPO."""
    sft = pipeline.sft(pipeline.base())
    own = pairs_from_model(sft, pipeline.lengths, 0)
    pipeline.dpo(sft, own)
    judge = pipeline.reward(sft, documentation_pairs(pipeline.lengths, 0) + own)
    pipeline.ppo(sft, judge)


def train_on_sums() -> tuple[list[FrontierPoint], dict[str, FrontierPoint]]:
    """The frontier of a small world of sums, and where DPO and PPO come to stand below it."""
    imitation = replace(experiment.IMITATION_LOOP, steps=100)
    made = experiment.prepare_experiment(loop=imitation, questions=QUESTIONS[::6])
    curve = frontier_points(made.reference, made.rewards, [10 ** (1 - n / 10) for n in range(31)])
    pairs = experiment.sample_imitator_pairs(made, 600, seed=0)
    dpo = replace(experiment.PREFERENCE_LOOP, steps=100)
    ppo = replace(experiment.SUMS_PPO, phases=30, prompts=150)
    policies = {
        "imitator": made.imitator,
        "dpo": experiment.dpo_on_sums(made, pairs, SUMS_BETA, loop=dpo),
        "ppo": experiment.ppo_on_sums(made, SUMS_BETA, config=ppo),
    }
    [best] = frontier_points(made.reference, made.rewards, [SUMS_BETA])
    points = {name: experiment.policy_point(made, policy) for name, policy in policies.items()}
    return curve, {**points, f"best at beta {SUMS_BETA}": best}


def print_demo_report(found: dict[str, Any], phases: list[dict[str, Any]]) -> None:
    """The report in a terminal."""
    print_answers(found)
    print("drawn answers: true reward, and KL from the sft model in nats")
    print_intervals(found["standing"])
    print_reward_report(found["reward"])
    for name, title in (("score", "The reward model's score"), ("kl", "KL in nats an answer")):
        print(f"\n{title}, by phase of PPO\n" + loss_chart([each[name] for each in phases]))
    print("\nSums, where the best policy is known: share of right answers, and KL in nats")
    for name, point in found["sums"].items():
        print(f"{name:>18}  {point['reward']:.2f} at {point['kl']:.2f}")
