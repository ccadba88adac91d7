"""`finetune reward`: a model that scores answers, from pairs of which one answer is better."""

import json
import shlex

from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import read_task
from finetune.evaluation.reward_report import print_reward_report, reward_report
from finetune.reward.run import RewardConfig, load_scored_pairs, run_reward
from finetune.runs import TASK_FILE, create_run, load_initial_assistant, save_adapter
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun


def run(config: RewardConfig) -> int:
    """Train a reward model, then evaluate it on held-out pairs next to simple baselines."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                assistant = load_initial_assistant(config, config.sample_from)
                pairs = load_scored_pairs(config, assistant)
                create_run(run.folder, config, assistant, pairs)
        run_reward(run, config)
        if run.is_finished:
            save_adapter(run.folder.path)
            held_out = read_task(run.folder.path / TASK_FILE, PreferencePair).held_out
            report = reward_report(run.folder.path, held_out)
            if config.json:
                print(json.dumps(report))
            else:
                print_reward_report(report)
            path = shlex.quote(str(run.folder.path))
            report_message(f"the run is in {path}; use it with: finetune ppo --reward-model {path}")
    return run.status
