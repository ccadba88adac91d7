"""`finetune demo`: every stage in about two minutes, from a text predictor to an assistant."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from finetune.assistant.assistant import load_assistant
from finetune.assistant.sampled_pairs import sample_ranked_pairs
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import read_task
from finetune.evaluation.answers_report import print_answers, print_intervals
from finetune.evaluation.figures import save_stage_figure
from finetune.evaluation.reward_report import print_reward_report, reward_report
from finetune.optimum import experiment
from finetune.optimum.frontier import FrontierPoint, frontier_points
from finetune.optimum.sums import QUESTIONS
from finetune.pipeline import Pipeline, PipelineSizes, documentation_pairs
from finetune.runs import TASK_FILE
from gpt.plots import loss_chart
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message

MODELS = ("base", "sft", "dpo", "ppo")
SUMS_BETA = 0.3
"""KL coefficient of the policies on sums."""
DEMO_SIZES = PipelineSizes(
    base_steps=180,
    base_batch_size=8,
    sft_steps=100,
    reward_steps=60,
    dpo_steps=40,
    ppo_phases=8,
    n_pairs=500,
    n_sampled_questions=60,
    n_questions=60,
)
"""Two minutes in total; with fewer steps the base model learns too little to answer."""


@dataclass(frozen=True)
class DemoConfig:
    """Pretrain, fine-tune, train a reward model, then DPO and PPO, and compare the results."""

    runs: Path = Path("runs/demo")
    """Folder that holds the demo's runs.
    Those of an earlier demo are replaced, but its base model is reused."""
    sizes: tyro.conf.OmitArgPrefixes[PipelineSizes] = DEMO_SIZES
    """Length of each stage, and amounts of data; more learns more and takes longer."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    json: bool = False
    """Print one JSON document instead of a report."""


def run(config: DemoConfig) -> int:
    """Train all stages, evaluate them, and draw the curves."""
    pipeline = Pipeline(config.runs, config.sizes, device=config.device)
    train_all(pipeline)
    report_message("evaluating all models")
    report = pipeline.evaluate(MODELS, n_samples=3)
    reward = config.runs / "reward"
    report["reward"] = reward_report(reward, read_task(reward / TASK_FILE, PreferencePair).held_out)
    report_message("training on sums, where the best policy is known")
    curve, policies = train_on_sums()
    logs = {
        name: list(RunFolder(config.runs / name).read_log())
        for name in ("sft", "reward", "dpo", "ppo")
    }
    figure = config.runs / "report.png"
    save_stage_figure(figure, logs, curve, {name: [point] for name, point in policies.items()})
    report["sums"] = {name: point._asdict() for name, point in policies.items()}
    if config.json:
        print(json.dumps(report))
        return 0
    print_demo_report(report, logs["ppo"])
    print(f"Curves and frontier: {figure}. Talk to it: finetune chat --model {config.runs / 'ppo'}")
    return 0


def train_all(pipeline: Pipeline) -> None:
    """Train the base model, SFT, DPO, a reward model and PPO."""
    sft = pipeline.sft(pipeline.base())
    own_pairs = sample_ranked_pairs(load_assistant(sft), pipeline.sizes.n_sampled_questions, 0)
    pipeline.dpo(sft, own_pairs)
    reward = pipeline.reward(sft, documentation_pairs(pipeline.sizes, 0) + own_pairs)
    pipeline.ppo(sft, reward)


def train_on_sums() -> tuple[list[FrontierPoint], dict[str, FrontierPoint]]:
    """Return the frontier of the task of sums, and the points that DPO and PPO reach below it."""
    imitation = replace(experiment.IMITATION_LOOP, steps=100)
    made = experiment.prepare_experiment(loop=imitation, questions=QUESTIONS[::6])
    curve = frontier_points(made.reference, made.rewards, [10 ** (1 - n / 10) for n in range(31)])
    pairs = experiment.sample_imitator_pairs(made, 600, seed=0)
    dpo = replace(experiment.PREFERENCE_LOOP, steps=100)
    ppo = replace(experiment.SUMS_PPO, n_phases=30, prompts_per_phase=150)
    policies = {
        "imitator": made.imitator,
        "dpo": experiment.dpo_on_sums(made, pairs, SUMS_BETA, loop=dpo),
        "ppo": experiment.ppo_on_sums(made, SUMS_BETA, config=ppo),
    }
    [best] = frontier_points(made.reference, made.rewards, [SUMS_BETA])
    points = {name: experiment.policy_point(made, policy) for name, policy in policies.items()}
    return curve, {**points, f"best at beta {SUMS_BETA}": best}


def print_demo_report(report: dict[str, Any], phases: list[dict[str, Any]]) -> None:
    """Print the report as text."""
    print_answers(report)
    print("sampled answers: true reward, and KL from the sft model in nats per answer")
    print_intervals(report["standing"])
    print_reward_report(report["reward"])
    for name, title in (("score", "The reward model's score"), ("kl", "KL in nats per answer")):
        print(f"\n{title}, by phase of PPO\n" + loss_chart([each[name] for each in phases]))
    print("\nSums, where the best policy is known: share of correct answers, and KL in nats")
    for name, point in report["sums"].items():
        print(f"{name:>18}  {point['reward']:.2f} at {point['kl']:.2f}")
