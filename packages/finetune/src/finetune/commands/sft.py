"""`finetune sft`: from a model that continues text to one that answers and stops."""

from rich.console import Console

from finetune.conversations.encoding import encode_conversations
from finetune.conversations.mask_view import print_mask
from finetune.runs import (
    create_run,
    load_initial_assistant,
    report_answers,
    save_adapter,
)
from finetune.sft.run import SftConfig, held_out_questions, run_sft, select_conversations
from gpt.runs.training_run import TrainingRun


def run(config: SftConfig) -> int:
    """Train on conversations, then compare the answers before and after."""
    if config.show_mask:
        return print_masks(config)
    with TrainingRun(config) as run:
        with run.setup() as is_first_process:
            if is_first_process and config.resume is None:
                assistant = load_initial_assistant(config)
                conversations = select_conversations(config, assistant)
                create_run(run.folder, config, assistant, conversations)
        run_sft(run, config)
        if run.is_finished:
            save_adapter(run.folder.path)
            report_answers(config, run.folder, held_out_questions(config, run.folder))
    return run.status


def print_masks(config: SftConfig) -> int:
    """Print the first three rows, with the tokens that the loss scores in colour."""
    assistant = load_initial_assistant(config)
    rows = select_conversations(config, assistant).train[:3]
    format, tokenizer = assistant.format, assistant.tokenizer
    console = Console(highlight=False)
    for row in encode_conversations(format, tokenizer, rows, config.context).examples:
        print_mask(console, row, tokenizer)
    return 0
