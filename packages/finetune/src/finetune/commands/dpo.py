"""`finetune dpo`: prefer the better answer of each pair, without a reward model."""

from finetune.dpo.run import DpoConfig, held_out_prompts, load_preference_pairs, run_dpo
from finetune.runs import (
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
            report_answers(config, run.folder, held_out_prompts(config, run.folder))
    return run.status
