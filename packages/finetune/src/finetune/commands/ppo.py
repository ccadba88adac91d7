"""`finetune ppo`: generate answers, score them, and make high scores more likely."""

from finetune.assistant.answering import question_items
from finetune.datasets.tasks import question_task
from finetune.ppo.run import PpoConfig, check_reward_model, load_questions, run_ppo
from finetune.runs import create_run, load_initial_assistant, report_answers, save_adapter
from gpt.runs.training_run import TrainingRun


def run(config: PpoConfig) -> int:
    """Train on scores of the model's own answers, then compare the answers before and after."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                assistant = load_initial_assistant(config)
                check_reward_model(config, assistant)
                questions = load_questions(config, assistant)
                create_run(run.folder, config, assistant, questions)
        run_ppo(run, config)
        if run.is_finished:
            save_adapter(run.folder.path)
            report_answers(config, run.folder, question_items(question_task().held_out))
    return run.status
