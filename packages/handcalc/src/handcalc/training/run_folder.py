"""A run is a folder: `config.json` with the words, `log.jsonl` with the steps, `model.json`.

`model.json` is a file of weights that also holds what the optimizer remembers and the step, so a
run goes on exactly where it was stopped. It is replaced as a whole: a crash leaves the one before.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handcalc.model.weights_file import load_weights, save_weights, size_of, write_whole
from handcalc.training.training import ADAMW, State, TrainConfig
from handcalc.training.words import Words


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.log = path / "config.json", path / "log.jsonl"
        self.model = path / "model.json"

    def begin(self, config: TrainConfig, words: Words, state: State) -> None:
        """Write what the run is of, and its first weights."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.log.write_text("", encoding="utf-8")
        self.save(config, words, state)
        content = {"config": asdict(config), "words": words._asdict()}
        write_whole(self.config, json.dumps(content, indent=2))

    def save(self, config: TrainConfig, words: Words, state: State) -> None:
        """Replace `model.json`."""
        shape = config.shape(len(words.characters) + 1)
        more = {"characters": words.characters, "step": state.step, "memory": state.memory}
        save_weights(self.model, shape, config.block, state.weights, **more)

    def load(self) -> tuple[TrainConfig, Words, State]:
        """The run as it was last saved; the log loses what came after.

        Raises:
            ValueError: there is no run here, or its files are damaged.
        """
        if not self.config.is_file():
            raise ValueError(f"there is no run in {str(self.path)!r}")
        try:
            content = json.loads(self.config.read_text(encoding="utf-8"))
            config, words = TrainConfig(**content["config"]), Words(**content["words"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{str(self.config)!r} is not the config of a run") from error
        content = load_weights(self.model)
        try:
            state = State(content["step"], content["weights"], content["memory"])
            whole = [size_of(tensor) for tensor in state.memory.values()] == [
                size_of(state.weights[w]) for w in state.weights for _ in ADAMW.memory if state.step
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{str(self.model)!r} is not the model of a run") from error
        if not whole:
            raise ValueError(f"what the optimizer remembers is damaged in {str(self.model)!r}")
        self.trim_log(state.step)
        return config, words, state

    def add(self, record: dict[str, Any]) -> None:
        """One more line of the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def trim_log(self, step: int) -> None:
        """Keep the lines of the first steps; those after them will be written again."""
        lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True)
        write_whole(self.log, "".join(lines[:step]))
