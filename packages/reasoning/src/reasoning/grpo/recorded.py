"""Recorded runs of GRPO and its controls: gains, paired differences between them, and curves."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from rich.table import Table

from gpt.errors import BadInput
from gpt.evaluation.intervals import Interval, paired_difference
from reasoning.evaluation.pass_rates import pass_at_k
from reasoning.grpo.evaluation import EVALUATION_SAMPLES, FLAT_GROUP_SIZE

METHOD_COLOURS = {
    "grpo": "tab:blue",
    "random": "tab:orange",
    "rejection-sft": "tab:green",
    "continued-sft": "tab:purple",
}
"""The methods in the order of tables, with their colours."""
Rate = Literal["pass@1", "pass@8", "pass@32", "flat", "greedy"]
When = Literal["before", "after"]


class RecordedRun(NamedTuple):
    """One file of `grpo_record.py`."""

    method: str
    seed: int
    record: dict[str, Any]

    def rates(self, rate: Rate, when: When) -> Float[np.ndarray, " M"]:
        """Return a rate of each problem: of its 32 samples, or of its greedy answer."""
        problems = self.record["problems"][when]
        if rate == "greedy":
            return np.array(problems["greedy"])
        n, right = EVALUATION_SAMPLES, np.rint(EVALUATION_SAMPLES * np.array(problems["score"]))
        if rate == "flat":
            k = FLAT_GROUP_SIZE
            some_right = [pass_at_k(n, int(each), k) for each in right]
            some_wrong = [pass_at_k(n, n - int(each), k) for each in right]
            return 2 - np.array(some_right) - np.array(some_wrong)
        k = int(rate.removeprefix("pass@"))
        return np.array([pass_at_k(n, int(each), k) for each in right])

    def gain(self, rate: Rate) -> Interval:
        """Return by how much the training raised a rate, paired over problems."""
        after, before = self.rates(rate, "after"), self.rates(rate, "before")
        return paired_difference(after, before, np.random.default_rng(0))

    def advantage_over(self, other: "RecordedRun", rate: Rate) -> Interval:
        """Return by how much a rate is higher after this run than after another one, paired.

        Raises:
            BadInput: the runs did not begin with the same model, so that a difference after them
                need not come from the training.
        """
        if not np.array_equal(self.rates("pass@1", "before"), other.rates("pass@1", "before")):
            raise BadInput(f"{self.title} and {other.title} did not begin with the same rates")
        ours, theirs = self.rates(rate, "after"), other.rates(rate, "after")
        return paired_difference(ours, theirs, np.random.default_rng(0))

    @property
    def title(self) -> str:
        """Method and seed."""
        return f"{self.method}, seed {self.seed}"


def read_recorded_runs(folder: Path) -> list[RecordedRun]:
    """Return the runs of a folder, sorted by method and seed.

    Raises:
        BadInput: the folder has no such files, or one of them is damaged.
    """
    runs = []
    for file in folder.glob("*.json"):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            run = RecordedRun(record["method"], record["seed"], record)
            n_before, n_after = (len(run.rates("pass@1", when)) for when in ("before", "after"))
            if (
                run.method not in METHOD_COLOURS
                or not record["curve"]["step"]
                or n_before != n_after
            ):
                raise ValueError(f"{run.title} is incomplete")
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{str(file)!r} is not a record of grpo_record.py") from error
        runs.append(run)
    if not runs:
        raise BadInput(f"there are no records of grpo_record.py in {str(folder)!r}")
    return sorted(runs, key=lambda run: (list(METHOD_COLOURS).index(run.method), run.seed))


def with_all_methods(runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Return the runs of those seeds that every method has been recorded with."""
    n_methods = Counter(run.seed for run in runs)
    return [run for run in runs if n_methods[run.seed] == len(METHOD_COLOURS)]


def pairs_of_methods(runs: Sequence[RecordedRun]) -> list[tuple[RecordedRun, RecordedRun]]:
    """Return pairs of a GRPO run and a control's run with the same seed, in the controls' order."""
    grpo_method, *_ = METHOD_COLOURS
    return [
        (run, other)
        for other in runs
        for run in runs
        if run.method == grpo_method != other.method and run.seed == other.seed
    ]


def rates_table(runs: Sequence[RecordedRun], rates: Sequence[Rate] = ("pass@1", "pass@8")) -> Table:
    """Return rates (percent) and entropy (nats per token) before training and after each run."""
    table = Table("", "seed", *rates, "entropy", box=None)

    def add_row(title: str, seed: str, run: RecordedRun, when: When) -> None:
        cells = (f"{100 * run.rates(rate, when).mean():.1f}" for rate in rates)
        table.add_row(title, seed, *cells, f"{run.record[when]['entropy']:.3f}")

    add_row("before", "", runs[0], "before")
    for run in runs:
        add_row(run.method, str(run.seed), run, "after")
    return table


def gains_table(runs: Sequence[RecordedRun], rates: Sequence[Rate] = ("pass@1", "pass@8")) -> Table:
    """Return the gain of each run in points, with its 95 % interval over problems."""
    table = Table("method", "seed", *rates, box=None)
    for run in runs:
        table.add_row(run.method, str(run.seed), *(run.gain(rate).in_points() for rate in rates))
    return table


def differences_table(
    runs: Sequence[RecordedRun], rates: Sequence[Rate] = ("pass@1", "pass@8")
) -> Table:
    """Return by how much GRPO ends above each control of the same seed, paired over problems.

    A control with several seeds has one more row, for the means over its seeds.
    """
    table = Table("GRPO above", "seed", *rates, box=None)
    for method in METHOD_COLOURS:
        pairs = [(run, other) for run, other in pairs_of_methods(runs) if other.method == method]
        for run, other in pairs:
            cells = (run.advantage_over(other, rate).in_points() for rate in rates)
            table.add_row(method, str(run.seed), *cells)
        if len(pairs) > 1:
            cells = (mean_advantage(pairs, rate).in_points() for rate in rates)
            table.add_row(method, "mean", *cells)
    return table


def mean_advantage(pairs: Sequence[tuple[RecordedRun, RecordedRun]], rate: Rate) -> Interval:
    """Return by how much a rate is higher after the first runs of pairs, on average over pairs.

    The interval is over problems; it says nothing about other seeds.
    """
    ours, theirs = (
        np.mean([run.rates(rate, "after") for run in runs], axis=0)
        for runs in zip(*pairs, strict=True)
    )
    return paired_difference(ours, theirs, np.random.default_rng(0))


def draw_curves(axes: Axes, runs: Sequence[RecordedRun], name: str, factor: int = 1) -> None:
    """Draw a measurement over the phases: one colour per method, one line per seed.

    Runs that do not measure it are left out.
    """
    labelled = set()
    for run in runs:
        curve = run.record["curve"]
        if name in curve:
            label = None if run.method in labelled else run.method
            labelled.add(run.method)
            values = factor * np.array(curve[name])
            axes.plot(
                curve["step"], values, color=METHOD_COLOURS[run.method], label=label, linewidth=1.2
            )
    axes.set_xlabel("phase")
