"""The folder of a run: `config.json` with the words, `log.jsonl` with the steps, `model.json`.

`model.json` is a file of weights that also holds the step and the optimizer's memory, so a resumed
run continues to the same bits. It is replaced in one step: after a crash the one before is intact.
"""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handcalc.model.weights import Shape
from handcalc.model.weights_file import load_weights, replace_file, tensor_size
from handcalc.training.optimizers import ADAMW, State
from handcalc.training.training import TrainConfig
from handcalc.training.words import Words, spell


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.log = path / "config.json", path / "log.jsonl"
        self.model = path / "model.json"
        self.resume_command = f"handcalc train --resume {shlex.quote(str(path))}"

    def begin(self, config: TrainConfig, words: Words, state: State) -> None:
        """Write settings, words and initial weights, replacing the run that was here before."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.config.unlink(missing_ok=True)  # while it is missing there is no run here
        self.log.write_text("", encoding="utf-8")
        self.save(config, words, state)
        content = {"config": asdict(config), "words": words._asdict()}
        replace_file(self.config, json.dumps(content, indent=2))

    def save(self, config: TrainConfig, words: Words, state: State) -> None:
        """Replace `model.json` with this state."""
        shape = config.shape(len(words.characters) + 1)
        content = {
            "shape": asdict(shape),
            "block": config.block,
            "weights": state.weights,
            "characters": words.characters,
            "step": state.step,
            "memory": state.memory,
        }
        replace_file(self.model, json.dumps(content, allow_nan=False))

    def load(self) -> tuple[TrainConfig, Words, State]:
        """Return the run as it was last saved, and drop later steps from the log.

        Raises:
            ValueError: there is no run here, or its files are damaged.
        """
        if not self.config.is_file():
            raise ValueError(f"there is no run in {str(self.path)!r}")
        try:
            content = json.loads(self.config.read_text(encoding="utf-8"))
            config, words = TrainConfig(**content["config"]), Words(**content["words"])
            spell("".join(words.training + words.held_out), words.characters)
            has_words = bool(words.training and words.held_out)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{str(self.config)!r} is not the config of a run") from error
        content = load_weights(self.model)
        try:
            state = State(content["step"], content["weights"], content["memory"])
            matches = has_words and matches_run(content, state, config, words)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{str(self.model)!r} is not the model of a run") from error
        if not matches:
            raise ValueError(f"{str(self.model)!r} is damaged, or belongs to another run")
        kept = [record for record in self.records() if record["step"] <= state.step]
        replace_file(self.log, "".join(json.dumps(record) + "\n" for record in kept))
        return config, words, state

    def records(self) -> list[dict[str, Any]]:
        """Return the steps in the log, up to the first line that a kill cut off."""
        found: list[dict[str, Any]] = []
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
        return found


def matches_run(content: dict[str, Any], state: State, config: TrainConfig, words: Words) -> bool:
    """Check that a model belongs to this run and has the memory that its optimizer needs."""
    memory = {
        f"{name}.{kind}": tensor_size(tensor)
        for name, tensor in state.weights.items()
        for kind in ADAMW.memory
        if state.step > 0
    }
    return (
        Shape(**content["shape"]) == config.shape(len(words.characters) + 1)
        and content["block"] == config.block
        and content["characters"] == words.characters
        and state.step in range(config.steps + 1)
        and {name: tensor_size(tensor) for name, tensor in state.memory.items()} == memory
    )
