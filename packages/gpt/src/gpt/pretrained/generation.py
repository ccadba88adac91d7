"""Sampling defaults of a published model, from its `generation_config.json`.

`gpt sample` uses temperature, top-k and top-p as its defaults. The ids that end a text belong to
the tokenizer (`tokenizer_json.end_ids`). Other settings that change the generated text are refused.
"""

from pathlib import Path
from typing import Any, NamedTuple

from gpt.errors import BadInput
from gpt.files import read_json
from gpt.pretrained.settings import GENERATION, IN_OLDER_CONFIGS

GENERATION_CONFIG_FILE = "generation_config.json"
LIBRARY_DEFAULTS: dict[str, Any] = {"temperature": 1.0, "top_k": 50, "top_p": 1.0}


class SamplingDefaults(NamedTuple):
    """Sampling settings of a model; None for a setting without a default."""

    temperature: float | None = None
    top_k: int | None = None
    """Number of most likely tokens to sample from; 0 keeps all."""
    top_p: float | None = None


def sampling_defaults(folder: Path) -> SamplingDefaults:
    """Return the sampling defaults of a model folder; a model without `do_sample` has none.

    With `do_sample`, transformers adds a temperature of 1 and the 50 most likely tokens.

    Raises:
        BadInput: the folder has a setting that is not supported, or a value is not a number.
    """
    settings = generation_settings(folder)
    if not settings.get("do_sample"):
        return SamplingDefaults()
    values = LIBRARY_DEFAULTS | {
        name: settings[name] for name in SamplingDefaults._fields if settings.get(name) is not None
    }
    for name, value in values.items():
        if not isinstance(value, int | float) or value < 0:
            raise BadInput(
                f"{GENERATION_CONFIG_FILE} has {name} {value!r}; it must be a number of at least 0"
            )
    return SamplingDefaults(values["temperature"], int(values["top_k"]), values["top_p"])


def generation_settings(folder: Path) -> dict[str, Any]:
    """Return the generation settings, which older folders keep in `config.json`.

    Raises:
        BadInput: a setting is not supported.
    """
    if (folder / GENERATION_CONFIG_FILE).is_file():
        settings = read_json(folder / GENERATION_CONFIG_FILE)
        GENERATION.check(settings, GENERATION_CONFIG_FILE)
    else:
        config = read_json(folder / "config.json")
        settings = {name: value for name, value in config.items() if name in IN_OLDER_CONFIGS}
        GENERATION.check(settings, "config.json")
    return settings
