"""`reasoning demo`: one puzzle solved by each method, then all methods on a few problems."""

import json
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gpt.errors import BadInput
from gpt.runs.progress import report_message
from reasoning.search.methods import METHODS, Problem, Progress
from reasoning.start.gate import fresh_chains, held_out_puzzles
from reasoning.start.shipped import StartModel, load_start_model
from reasoning.table.grid import LETTERS, rates_grid
from reasoning.table.measure import TASKS
from reasoning.table.picture import draw_costs
from reasoning.table.report import RowRate, row_rate
from reasoning.table.setting import Setting
from reasoning.tasks.countdown import Puzzle
from reasoning.verifier.shipped import load_verifier

PUZZLE = Puzzle((4, 5, 7, 9), 24)
"""The puzzle of the README. It is held out: no model was trained on its numbers."""
SHOWN = ("vote", "mcts")
"""Methods whose work is shown."""


@dataclass(frozen=True)
class DemoConfig:
    """Solve one puzzle by every method, then measure all methods on a few problems."""

    n_problems: int = 40
    """Held-out puzzles, and as many chains. More make the table more certain."""
    runs: Path = Path("runs/demo")
    """Folder of the picture."""
    json: bool = False
    """Print one JSON document instead of tables."""

    def __post_init__(self) -> None:
        """Raise BadInput if there are no problems."""
        if self.n_problems < 1:
            raise BadInput(f"n_problems must be at least 1, got {self.n_problems}")


def run(config: DemoConfig) -> int:
    """Solve one puzzle by each method, then measure all methods on a few problems."""
    start, console = load_start_model(), Console()
    setting = demo_setting(start, config.n_problems)
    config.runs.mkdir(parents=True, exist_ok=True)
    problem = Problem(PUZZLE, start.model, temperature=1.0, n_samples=16, max_evaluated=64, seed=0)
    results: dict[str, Progress] = {}
    for name, method in METHODS.items():
        report_message(f"{name}: {method.about}")
        [results[name]] = deque(method.solve(problem), maxlen=1)
    report_message(f"all methods on {config.n_problems} puzzles and {config.n_problems} chains")
    rates = {
        task: {name: row_rate([row(setting)]) for name, row in rows.items()}
        for task, rows in TASKS.items()
    }
    picture = config.runs / "costs.png"
    draw_costs(rates["countdown"], picture)
    if config.json:
        print(json.dumps(demo_as_json(results, rates)))
        return 0
    for name in SHOWN:
        console.print(f"\n{METHODS[name].about}:", highlight=False)
        console.print(results[name].picture)
    console.print(solutions_grid(results))
    for task, rows in rates.items():
        console.print(rates_grid(task, rows, f"\n{task}: {config.n_problems} problems"))
    console.print(f"(uses: {LETTERS})", highlight=False)
    console.print(f"\nWhat each method costs: {picture}", soft_wrap=True, highlight=False)
    return 0


def demo_setting(start: StartModel, n_problems: int) -> Setting:
    """Return a few problems, and the models that solve them."""
    tasks, verifier = start.tasks(), load_verifier().verifier
    puzzles, chains = held_out_puzzles(tasks, n_problems), fresh_chains(tasks, n_problems)
    return Setting(puzzles, chains, start.model, verifier, seed=0)


def solutions_grid(results: dict[str, Progress]) -> Table:
    """Return the answer of each method to the puzzle, and what it cost."""
    title = f"\n{PUZZLE.target} of {', '.join(map(str, PUZZLE.numbers))}"
    grid = Table("", "answer", "", "generated", "read", "states", "uses", title=title)
    grid.box = None
    for name, result in results.items():
        answer, cost = result.solution.answer, result.solution.cost
        verdict = "[green]right[/]" if result.solution.fault is None else "[red]wrong[/]"
        spent = map(str, (cost.generated, cost.read, cost.evaluated))
        letters = " ".join(oracle[0] for oracle in METHODS[name].oracles)
        grid.add_row(name, answer or "none", verdict, *spent, letters)
    return grid


def demo_as_json(
    results: dict[str, Progress], rates: dict[str, dict[str, RowRate]]
) -> dict[str, object]:
    """Return the answers to the puzzle, and the rates."""
    answers = {
        name: {
            "answer": result.solution.answer,
            "right": result.solution.fault is None,
            "cost": asdict(result.solution.cost),
        }
        for name, result in results.items()
    }
    rows = {
        task: {name: rate._asdict() for name, rate in rows.items()} for task, rows in rates.items()
    }
    return {"puzzle": PUZZLE._asdict(), "answers": answers, "rows": rows}
