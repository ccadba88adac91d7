"""Progress bar and messages of long commands, on stderr."""

import time
from collections.abc import Generator, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gpt.runs.processes import rank
from gpt.training.loop import StepRecord

console = Console(stderr=True)


def report_message(message: str) -> None:
    """Print one line, not wrapped or coloured, in the first process only."""
    if rank() == 0:
        console.print(message, soft_wrap=True, highlight=False, markup=False)


def show_progress(
    records: Iterator[StepRecord],
    steps: int,
    done: int,
    n_tokens: int,
    title: str,
    unit: str = "tokens",
) -> Generator[StepRecord, None, None]:
    """Yield the records while showing a progress bar with loss, tokens per second and time left.

    Args:
        records: the records of a training loop.
        steps: the step at which the bar is full.
        done: the steps done before the run was resumed.
        n_tokens: tokens per step.
        title: a line that is printed once, above the bar.
        unit: the name of what is counted instead of tokens, such as images.
    """
    report_message(title)
    columns = [TextColumn("step {task.completed}/{task.total}"), BarColumn(), TimeRemainingColumn()]
    columns.append(TextColumn("{task.fields[news]}"))
    with Progress(*columns, console=console, disable=rank() > 0) as progress:
        task = progress.add_task("", total=steps, completed=done, news="")
        started = time.perf_counter()
        for record in records:
            speed = (record.step - done) * n_tokens / (time.perf_counter() - started)
            news = f"loss {record.loss:.3f}  {speed:,.0f} {unit}/s"
            progress.update(task, completed=record.step, news=news)
            if record.validation is not None:
                report_message(
                    f"step {record.step}: training loss {record.loss:.3f}, "
                    f"validation loss {record.validation:.3f}"
                )
            yield record
