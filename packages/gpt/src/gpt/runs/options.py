"""Options shared by all training commands, and the rules for resuming a run with them."""

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import tyro
from tyro.conf import arg

from gpt.errors import BadInput
from gpt.runs.folder import RunFolder
from gpt.training.config import LoopConfig

DEFAULT_LOOP = LoopConfig()
Options = TypeVar("Options", bound="RunOptions")
_Value = TypeVar("_Value")
Hidden = tyro.conf.Suppress[tyro.conf.Fixed[_Value]]
"""An inherited option that a command does not have."""


@dataclass(frozen=True)
class PhaseLoopConfig(LoopConfig):
    """The loop of PPO and GRPO: its steps follow from the phases, and there is no validation."""

    steps: Hidden[int] = LoopConfig.steps
    patience: Hidden[int] = 0
    ema_decay: float = LoopConfig.ema_decay
    """Decay of a running average of the weights, which is then the model that is kept.
    Higher averages over more steps; 0 keeps the last weights."""
    save_every: int = LoopConfig.save_every
    """Updates between checkpoints, rounded down to whole phases, but at least one phase.
    The last phase also saves a checkpoint. Fewer updates lose less work if the run is killed."""
    seed: int = LoopConfig.seed
    """Random seed of the prompts, of the sampled answers, and of new adapters, if there are any."""


def check_run_name(name: str) -> None:
    """Check that the folder of a run is directly inside --runs.

    Raises:
        BadInput: the name is not that of a folder, or leads to another one.
    """
    if name in ("", ".", "..") or Path(name).name != name:
        raise BadInput(f"name must be the name of a folder inside --runs, got {name!r}")


@dataclass(frozen=True)
class RunOptions:
    """Options shared by all training commands."""

    command: ClassVar[str]
    """Program and command, such as `gpt train`."""
    folder_class: ClassVar[type[RunFolder]] = RunFolder
    """Class of the run's folder."""
    changeable: ClassVar[tuple[str, ...]] = ("loop", "device", "shard", "json", "overwrite")
    """Fields that may differ when a run is resumed."""

    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = DEFAULT_LOOP
    """Hyperparameters of the training loop."""
    batch_size: int = 16
    """Training examples per step. More give steadier gradients, but slower steps."""
    micro_batch_size: Annotated[
        int | None, arg(help_behavior_hint="(default: the whole batch)")
    ] = None
    """Training examples per forward and backward pass.
    Fewer need less memory but are slower; the gradient is the same."""
    name: str = "run"
    """Name of the run's folder inside --runs."""
    runs: Path = Path("runs")
    """Folder that holds all runs."""
    resume: Annotated[Path | None, arg(help_behavior_hint="(default: start a new run)")] = None
    """Continue the run in this folder, with the settings that it was started with."""
    overwrite: bool = False
    """Replace an existing run of the same name."""
    device: str = "auto"
    """Device: cpu, cuda or mps; auto takes a GPU if there is one."""
    json: bool = False
    """Print one JSON document instead of a report."""

    def __post_init__(self) -> None:
        """Check the numbers and the name.

        Raises:
            BadInput: one of them is below 1, or the name is not that of a folder.
        """
        check_run_name(self.name)
        for name in ("batch_size", "micro_batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")

    @property
    def folder(self) -> RunFolder:
        """Folder of the run, new or resumed."""
        return self.folder_class(self.resume or self.runs / self.name)

    def with_defaults(self: Options) -> Options:
        """Defaults for options that are not given: the settings of the run being resumed."""
        return self.saved(self.resume) if self.resume is not None else type(self)()

    @classmethod
    def saved(cls: type[Options], folder: Path) -> Options:
        """Return the options that the run in a folder was started with, set to resume it.

        Raises:
            BadInput: there is no run in the folder, or another command made it.
        """
        config = cls.folder_class(folder).read_config(cls.command)
        if config["kind"] != cls.command:
            raise BadInput(
                f"{str(folder)!r} was made by {config['kind']}; {cls.command} cannot resume it"
            )
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value  # JSON has no tuples
            for name, value in config["command"].items()
        }
        try:
            nested = {
                field.name: type(field.default)(**settings[field.name])
                for field in dataclasses.fields(cls)
                if dataclasses.is_dataclass(field.default)
            }
            return cls(**{**settings, **nested, "runs": Path(settings["runs"]), "resume": folder})
        except (TypeError, KeyError) as error:
            raise BadInput(
                f"{str(folder / 'config.json')!r} is not a config written by `{cls.command}`"
            ) from error

    def settings(self) -> dict[str, Any]:
        """Return the options as they are stored in `config.json`."""
        return dataclasses.asdict(self) | {"runs": str(self.runs), "resume": None}

    def refuse_changes(self: Options, saved: Options) -> None:
        """Check that a resumed run keeps its settings, except those that are `changeable`.

        Raises:
            BadInput: an option differs from the run's setting.
        """
        for old, new in ((saved, self), (saved.loop, self.loop)):
            for field in dataclasses.fields(old):
                before, now = getattr(old, field.name), getattr(new, field.name)
                if before != now and field.name not in self.changeable:
                    raise BadInput(
                        f"this run has {field.name} {before}, not {now}; leave the option out to "
                        "continue the run, or start another one with --name"
                    )

    def refuse_existing_run(self) -> None:
        """Check that a new run does not replace another one unintentionally.

        Raises:
            BadInput: the folder holds a run, and --overwrite was not given.
        """
        if self.folder.config.is_file() and not self.overwrite:
            path = str(self.folder.path)
            raise BadInput(
                f"{path!r} already holds a run; continue it with --resume {shlex.quote(path)}, "
                "replace it with --overwrite, or choose another --name"
            )
