"""`reasoning solve`: solve one puzzle by a method, and watch it work."""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional, arg

from gpt.errors import BadInput, check_seed
from gpt.generation.sampling import check_sampling_settings
from reasoning.search.methods import METHODS, Method, Problem, Progress
from reasoning.search.result import Solution
from reasoning.start.loading import SHIPPED_NAME, load_reasoner
from reasoning.tasks.countdown import LARGEST_RESULT, Puzzle, is_solvable

COUNTS = range(2, 6)
"""Numbers of a puzzle; the model of the package was trained on 3 and 4."""
FRAME_S = 0.1
"""Seconds between two drawings."""
METHODS_BY_NAME = "; ".join(f"{name}: {method.about}" for name, method in METHODS.items())
METHOD_HELP = f"How to solve the puzzle. {METHODS_BY_NAME}."


@dataclass(frozen=True)
class SolveConfig:
    """Make a target of numbers, each used once, with `+`, `-` and `*`."""

    target: Annotated[Positional[int], arg(metavar="TARGET", help_behavior_hint="")]
    """Target, such as 24."""
    numbers: Annotated[Positional[tuple[int, ...]], arg(metavar="NUMBERS", help_behavior_hint="")]
    """Two to five numbers. The model of the package knows three and four of 1 to 12."""
    method: Annotated[str, arg(help=METHOD_HELP)] = "mcts"
    model: str = SHIPPED_NAME
    """Model that solves the puzzle: `start`, which comes with the package, a file of `reasoning
    train`, or the folder of a run."""
    temperature: float = 1.0
    """Sampling temperature. Lower makes samples more alike; 0 always takes the likeliest word."""
    n_samples: int = 16
    """Traces that vote. More are more reliable, and cost more."""
    max_evaluated: int = 64
    """Most states that a search evaluates. More find more answers, and cost more."""
    seed: int = 0
    """Random seed; the same seed gives the same answer."""
    json: bool = False
    """Print one JSON document instead of a picture."""

    def __post_init__(self) -> None:
        """Check the puzzle and the options.

        Raises:
            BadInput: one of them cannot be used.
        """
        check_sampling_settings(self.temperature, None, None)
        check_seed(self.seed)
        if len(self.numbers) not in COUNTS:
            raise BadInput(f"give two to five numbers after the target, got {len(self.numbers)}")
        for number in (self.target, *self.numbers):
            if not 1 <= number <= LARGEST_RESULT:
                raise BadInput(
                    f"target and numbers must lie in [1, {LARGEST_RESULT}], got {number}"
                )
        if self.method not in METHODS:
            raise BadInput(f"there is no method {self.method!r}; choose from {', '.join(METHODS)}")
        for name in ("n_samples", "max_evaluated"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")


def run(config: SolveConfig) -> int:
    """Solve a puzzle, show the work of the method, and check its answer by the rules."""
    problem = Problem(
        Puzzle(config.numbers, config.target),
        load_reasoner(config.model),
        config.temperature,
        config.n_samples,
        config.max_evaluated,
        config.seed,
    )
    method, console = METHODS[config.method], Console()
    answers = method.solve(problem)
    result = last_progress(answers) if config.json else watch(answers, console)
    if config.json:
        print(json.dumps(result_as_json(config.method, result)))
    else:
        console.print(result.picture)
        print_solution(result.solution, method, console)
    return 0


def last_progress(answers: Iterator[Progress]) -> Progress:
    """Return the last answer of a method, its result."""
    return deque(answers, maxlen=1)[0]


def watch(answers: Iterator[Progress], console: Console) -> Progress:
    """Return the last answer; in a terminal, show the earlier ones while the method works."""
    if not console.is_terminal:
        return last_progress(answers)
    shown = progress = None
    # the picture changes while the method works, so it is drawn between two answers only
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for progress in answers:
            if shown is None or time.monotonic() - shown > FRAME_S:
                live.update(progress.picture, refresh=True)
                shown = time.monotonic()
    assert progress is not None, "every method yields at least one answer"
    return progress


def print_solution(solution: Solution, method: Method, console: Console) -> None:
    """Print the answer, whether it is right, what it cost, and what the method used."""
    cost, puzzle = solution.cost, solution.puzzle
    verdict = Text("right", "bold green")
    if solution.fault is not None:
        verdict = Text(f"wrong: {solution.fault}", "bold red")
        if not is_solvable(puzzle):
            verdict.append(f" ({puzzle.target} cannot be made of these numbers)")
    table = Table(box=None, show_header=False)
    table.add_row("answer", solution.answer or "none")
    table.add_row("by the rules", verdict)
    spent = f"{cost.generated} tokens generated, {cost.read} tokens read"
    table.add_row("cost", f"{spent}, {cost.evaluated} states evaluated")
    table.add_row("method", f"{method.about}; it uses the {', the '.join(method.oracles)}")
    console.print()
    console.print(table)


def result_as_json(name: str, result: Progress) -> dict[str, Any]:
    """Return the result of a method with all of its picture."""
    solution = result.solution
    return {
        "target": solution.puzzle.target,
        "numbers": solution.puzzle.numbers,
        "method": name,
        "oracles": METHODS[name].oracles,
        "answer": solution.answer,
        "right": solution.fault is None,
        "fault": solution.fault,
        "solvable": is_solvable(solution.puzzle),
        "cost": asdict(solution.cost),
        **result.picture.as_json(),
    }
