"""`finetune dpo`: prefer the better answer of each pair, without a reward model."""

from finetune.assistant.answering import EvaluationItem, question_items
from finetune.conversations.messages import PreferencePair
from finetune.datasets.tasks import question_task, read_task
from finetune.dpo.run import DpoConfig, load_preference_pairs, run_dpo
from finetune.runs import (
    TASK_FILE,
    create_run,
    load_initial_assistant,
    report_answers,
    save_adapter,
)
from gpt.runs.training_run import TrainingRun


def run(config: DpoConfig) -> int:
    """Train on pairs of answers, then compare the answers before and after."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                assistant = load_initial_assistant(config, config.sample_from)
                pairs = load_preference_pairs(config, assistant)
                create_run(run.folder, config, assistant, pairs)
        run_dpo(run, config)
        if run.is_finished:
            save_adapter(run.folder.path)
            if config.data == "python":
                items = question_items(question_task().held_out)
            else:
                held_out = read_task(run.folder.path / TASK_FILE, PreferencePair).held_out
                items = [EvaluationItem(each.messages, each.chosen) for each in held_out]
            report_answers(config, run.folder, items)
    return run.status
