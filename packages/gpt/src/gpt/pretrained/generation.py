"""Sampling defaults of a published model, from its `generation_config.json`.

The tokenizer keeps the ids that end a text (`tokenizer_json.end_ids`). `gpt sample` takes
temperature, top-k and top-p as its defaults. All other settings that change what is generated are
refused.
"""

from pathlib import Path
from typing import Any, NamedTuple

from gpt.errors import BadInput
from gpt.files import read_json
from gpt.pretrained.settings import GENERATION, IN_OLDER_CONFIGS

GENERATION_CONFIG_FILE = "generation_config.json"
LIBRARY_DEFAULTS: dict[str, Any] = {"temperature": 1.0, "top_k": 50, "top_p": 1.0}


class SamplingDefaults(NamedTuple):
    """The settings of a model for drawing tokens; None where it has none."""

    temperature: float | None = None
    top_k: int | None = None
    """0 keeps all tokens."""
    top_p: float | None = None

    def settings(self) -> dict[str, Any]:
        """The settings as `generation_config.json` has them; none if there is no default."""
        given = {name: value for name, value in self._asdict().items() if value is not None}
        return {"do_sample": True, **given} if given else {}


def sampling_defaults(folder: Path) -> SamplingDefaults:
    """Return how tokens are drawn by default; without `do_sample` a model has no default.

    With it, transformers fills in a temperature of 1 and the 50 likeliest tokens.

    Raises:
        BadInput: the model has a setting that is not known here, or a value that is no number.
    """
    settings = generation_settings(folder)
    if not settings.get("do_sample"):
        return SamplingDefaults()
    given = {name: settings.get(name) for name in SamplingDefaults._fields}
    values = LIBRARY_DEFAULTS | {name: value for name, value in given.items() if value is not None}
    for name, value in values.items():
        if not isinstance(value, int | float) or value < 0:
            raise BadInput(
                f"{GENERATION_CONFIG_FILE} has {name} {value!r}; it must be a number of at least 0"
            )
    return SamplingDefaults(values["temperature"], int(values["top_k"]), values["top_p"])


def generation_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of generation; older folders have them in `config.json`.

    Raises:
        BadInput: one of them is not known here.
    """
    if (folder / GENERATION_CONFIG_FILE).is_file():
        settings = read_json(folder / GENERATION_CONFIG_FILE)
        GENERATION.check(settings, GENERATION_CONFIG_FILE)
    else:
        config = read_json(folder / "config.json")
        settings = {name: value for name, value in config.items() if name in IN_OLDER_CONFIGS}
        GENERATION.check(settings, "config.json")
    return settings
