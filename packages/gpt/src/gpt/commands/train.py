"""`gpt train`: train a GPT on a text, in a run folder."""

import shlex

from gpt.errors import BadInput
from gpt.evaluation.scores import evaluate_run, print_evaluation
from gpt.plots import save_loss_plot
from gpt.pretraining import TrainConfig, create_run, load_text, pretrain
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.documents import documents_sha256


def run(config: TrainConfig) -> int:
    """Train a GPT, then score it next to n-gram models of the same text."""
    with TrainingRun(config) as run:
        with run.setup() as is_first:
            if is_first and config.resume is None:
                create_run(run.folder, config, load_text(config))
            elif is_first and config.data is not None:
                refuse_another_text(run, config)
        pretrain(run, config)
        if run.is_finished:
            report = evaluate_run(run.folder, run.device)
            save_loss_plot(run.folder.path / "loss.png", run.folder.read_log(), report["models"])
            print_evaluation(report, config.json)
            path = shlex.quote(str(run.folder.path))
            report_message(f"the run is in {path}; sample from it with: gpt sample --run {path}")
    return run.status


def refuse_another_text(run: TrainingRun, config: TrainConfig) -> None:
    """Check that --data names the text that the resumed run was started with, at any path.

    Raises:
        BadInput: it is a different text.
    """
    text = load_text(config)
    if run.folder.read_config()["text_sha256"] != documents_sha256(text.train + text.validation):
        raise BadInput(
            f"{config.data!r} is not the text that {str(run.folder.path)!r} was trained on; "
            "leave --data out to continue with the run's own tokens"
        )
