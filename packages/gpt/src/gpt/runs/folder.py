"""The folder of a run: its settings, tokens, log and checkpoints.

    config.json  tokenizer.json  train.npy  validation.npy  log.jsonl  checkpoints/  loss.png

`config.json` is written after the tokenizer and the tokens, so a folder that has it has them too.
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

TRAIN_COMMAND = "gpt train"  # the command that made a run whose config names none


class RunFolder:
    """Paths of the files of a run, with the methods that read and write them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.tokenizer = path / "config.json", path / "tokenizer.json"
        self.train_tokens, self.validation_tokens = path / "train.npy", path / "validation.npy"
        self.log, self.checkpoints = path / "log.jsonl", path / "checkpoints"

    def read_config(self, command: str = TRAIN_COMMAND) -> dict[str, Any]:
        """Return the contents of `config.json`; `command` is what would start a missing run.

        Raises:
            BadInput: there is no run in this folder, or its config is damaged.
        """
        if not self.config.is_file():
            raise BadInput(f"there is no run in {str(self.path)!r}; start one with: {command}")
        try:
            config = json.loads(self.config.read_text(encoding="utf-8"))
            kind = config.get("kind", TRAIN_COMMAND)
            tokens = dict(config.get("tokens_sha256", {}))
            config = {name: config[name] for name in ("model", "text_sha256", "command")}
            self.check_model_config(config["model"])
        except (ValueError, KeyError, TypeError) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else error
            raise BadInput(f"{str(self.config)!r} is not the config of a run: {why}") from error
        return config | {"kind": kind, "tokens_sha256": tokens}

    def check_model_config(self, settings: dict[str, Any]) -> None:
        """Raise an error unless the settings are those of a model that such a run trains."""
        GPTConfig(**settings)

    def model_config(self) -> GPTConfig:
        """Return the config of the run's model."""
        return GPTConfig(**self.read_config()["model"])

    def clear(self) -> None:
        """Create the folder, or remove config, log and checkpoints of an earlier run from it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for old in [self.config, self.log, *checkpoint_files(self.checkpoints)]:
            old.unlink(missing_ok=True)

    def write_config(
        self, model: Any, text_sha256: str, command: dict[str, Any], kind: str = TRAIN_COMMAND
    ) -> None:
        """Write `config.json`: command, model config, checksums of text and tokens, settings.

        Args:
            model: the config of the model, a dataclass.
            text_sha256: the checksum of the data that the run trains on.
            command: the options of the command.
            kind: program and command.
        """
        config = {"kind": kind, "model": asdict(model), "text_sha256": text_sha256}
        config["tokens_sha256"] = self.token_checksums()
        config["command"] = command
        write_atomically(self.config, json.dumps(config, indent=2).encode())

    def token_checksums(self) -> dict[str, str]:
        """Return the SHA-256 of each token file by its name."""
        checksums = {}
        for file in (self.train_tokens, self.validation_tokens):
            if file.is_file():
                with file.open("rb") as opened:
                    checksums[file.name] = hashlib.file_digest(opened, "sha256").hexdigest()
        return checksums

    def load_token_streams(self, vocab_size: int) -> tuple[Any, Any]:
        """Return the training and the validation tokens, memory-mapped.

        Raises:
            BadInput: a token file is missing, or has changed since the run was created.
        """
        files = (self.train_tokens, self.validation_tokens)
        streams = [load_tokens(file, vocab_size) for file in files]
        written, current = self.read_config()["tokens_sha256"], self.token_checksums()
        for file in files:
            if file.name in written and written[file.name] != current[file.name]:
                raise BadInput(
                    f"token file {str(file)!r} has changed since the run was created; "
                    "start the run again with --overwrite"
                )
        return streams[0], streams[1]

    def read_log(self) -> list[dict[str, Any]]:
        """Return the records of the log, up to a line that a kill left incomplete."""
        records = []
        if self.log.is_file():
            for line in self.log.read_text(encoding="utf-8").splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:
                    break
        return records

    def trim_log(self, step: int) -> None:
        """Remove the records after `step`, because a resumed run repeats those steps."""
        kept = [record for record in self.read_log() if record["step"] <= step]
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        write_atomically(self.log, lines.encode())


def load_model(path: Path, device: torch.device | None = None) -> tuple[GPT, Tokenizer, Checkpoint]:
    """Load the model of a run at its lowest validation loss, its tokenizer and the checkpoint.

    Raises:
        BadInput: there is no run, no intact checkpoint, or a file that does not fit the config.
    """
    run = RunFolder(path)
    config = run.model_config()
    checkpoint = best_checkpoint(run.checkpoints)
    tokenizer = load_tokenizer(run.tokenizer)
    if tokenizer.vocab_size != config.vocab_size:
        raise BadInput(
            f"{str(run.tokenizer)!r} has {tokenizer.vocab_size} tokens, "
            f"but the model has {config.vocab_size}"
        )
    model = GPT(config)
    load_weights(model, select_prefix(checkpoint.tensors, "model"))
    return model.to(device).eval(), tokenizer, checkpoint
