"""A run is a folder: what was asked for, the tokens of its text, the log of its steps, checkpoints.

    config.json  tokenizer.json  train.npy  validation.npy  log.jsonl  checkpoints/  loss.png

`config.json` is written last, so a folder that has one is complete.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gpt.errors import BadInput
from gpt.files import write_atomically
from gpt.model.gpt import GPT, GPTConfig
from gpt.runs.checkpoints import Checkpoint, best_checkpoint, checkpoint_files
from gpt.runs.state import load_weights, select_prefix
from gpt.text.token_files import load_tokens
from gpt.text.tokenizers import Tokenizer, load_tokenizer

TRAIN_COMMAND = "gpt train"  # what a run is made by, where its config does not say


class RunFolder:
    """The files of one run by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.tokenizer = path / "config.json", path / "tokenizer.json"
        self.train_tokens, self.validation_tokens = path / "train.npy", path / "validation.npy"
        self.log, self.checkpoints = path / "log.jsonl", path / "checkpoints"

    def read_config(self) -> dict[str, Any]:
        """What `config.json` says.

        Raises:
            BadInput: there is no run here, or its config is damaged.
        """
        if not self.config.is_file():
            raise BadInput(f"there is no run in {str(self.path)!r}; make one with: gpt train")
        try:
            config = json.loads(self.config.read_text(encoding="utf-8"))
            kind = config.get("kind", TRAIN_COMMAND)
            tokens = dict(config.get("tokens_sha256", {}))
            config = {name: config[name] for name in ("model", "text_sha256", "command")}
            GPTConfig(**config["model"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{str(self.config)!r} is not the config of a run") from error
        return config | {"kind": kind, "tokens_sha256": tokens}

    def model_config(self) -> GPTConfig:
        """Return the shape of the run's model."""
        return GPTConfig(**self.read_config()["model"])

    def clear(self) -> None:
        """Make the folder, and remove the config, log and checkpoints of an earlier run in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for old in [self.config, self.log, *checkpoint_files(self.checkpoints)]:
            old.unlink(missing_ok=True)

    def write_config(
        self, model: GPTConfig, text_sha256: str, command: dict[str, Any], kind: str = TRAIN_COMMAND
    ) -> None:
        """Write `config.json`: what was run, the shape, digests of text and tokens, settings."""
        config = {"kind": kind, "model": asdict(model), "text_sha256": text_sha256}
        files = (self.train_tokens, self.validation_tokens)
        config["tokens_sha256"] = {file.name: file_sha256(file) for file in files if file.is_file()}
        config["command"] = command
        write_atomically(self.config, json.dumps(config, indent=2).encode())

    def tokens(self, vocab_size: int) -> tuple[Any, Any]:
        """The streams to train on and to validate on, mapped into memory.

        Raises:
            BadInput: one of them is missing, or is not what the run began with.
        """
        files = (self.train_tokens, self.validation_tokens)
        streams = [load_tokens(file, vocab_size) for file in files]
        written = self.read_config()["tokens_sha256"]
        for file in files:
            if file.name in written and file_sha256(file) != written[file.name]:
                raise BadInput(
                    f"token file {str(file)!r} is damaged: it is not what the run began with; "
                    "start the run again with --overwrite"
                )
        return streams[0], streams[1]

    def records(self) -> list[dict[str, Any]]:
        """The steps logged so far; a line cut by a kill ends them."""
        records = []
        if self.log.is_file():
            for line in self.log.read_text(encoding="utf-8").splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:
                    break
        return records

    def trim_log(self, step: int) -> None:
        """Drop what was logged after `step`: a resumed run does those steps again."""
        kept = [record for record in self.records() if record["step"] <= step]
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        write_atomically(self.log, lines.encode())


def file_sha256(file: Path) -> str:
    """The digest of a file's bytes."""
    with file.open("rb") as bytes_of:
        return hashlib.file_digest(bytes_of, "sha256").hexdigest()


def load_model(path: Path, device: torch.device | None = None) -> tuple[GPT, Tokenizer, Checkpoint]:
    """The model of a run at its lowest validation loss, its tokenizer, and the checkpoint's values.

    Raises:
        BadInput: there is no run, no whole checkpoint, or one of another shape.
    """
    run = RunFolder(path)
    config = run.model_config()
    checkpoint = best_checkpoint(run.checkpoints)
    tokenizer = load_tokenizer(run.tokenizer)
    if tokenizer.vocab_size != config.vocab_size:
        raise BadInput(
            f"{str(run.tokenizer)!r} has {tokenizer.vocab_size} tokens, "
            f"and the model has {config.vocab_size}"
        )
    model = GPT(config)
    load_weights(model, select_prefix(checkpoint.tensors, "model"))
    return model.to(device).eval(), tokenizer, checkpoint
