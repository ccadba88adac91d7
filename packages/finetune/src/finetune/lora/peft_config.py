"""The settings of an adapter in the library `peft`: `adapter_config.json`, read and written.

Settings that do not affect the numbers are ignored. A setting that this package cannot honour is
refused by name.
"""

import math
import re
from collections import Counter
from typing import Any, NamedTuple

from finetune.lora.peft_layout import peft_modules
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import transformers_family

IGNORED_SETTINGS = {
    "auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "fan_in_fan_out",
    "inference_mode", "megatron_core", "peft_version", "qalora_group_size", "revision",
    "runtime_config", "task_type",
}  # fmt: skip
SUPPORTED_SETTINGS = {
    "alpha_pattern", "init_lora_weights", "lora_alpha", "lora_dropout", "peft_type", "r",
    "rank_pattern", "target_modules", "use_rslora",
}  # fmt: skip
SUPPORTED_INITS = (True, False, "gaussian", "orthogonal", None)
"""Initialisations of A and B that leave the weights of the base unchanged; others change them."""


class RankAndScale(NamedTuple):
    """Rank and scale of one module's adapter."""

    rank: int
    scale: float


def peft_config(ranks: dict[str, RankAndScale], dropout: float, shape: GPTConfig) -> dict[str, Any]:
    """Return an `adapter_config.json`: the most common rank, and patterns for other modules."""
    usual = Counter(ranks.values()).most_common(1)[0][0]
    unusual = {path: each for path, each in ranks.items() if each != usual}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": usual.rank,
        "lora_alpha": usual.rank * usual.scale,
        "rank_pattern": {path: each.rank for path, each in unusual.items()},
        "alpha_pattern": {path: each.rank * each.scale for path, each in unusual.items()},
        "use_rslora": False,
        "lora_dropout": dropout,
        "target_modules": target_modules(ranks, shape),
        "fan_in_fan_out": transformers_family(shape) == "gpt2",
        "bias": "none",
    }


def target_modules(ranks: dict[str, RankAndScale], shape: GPTConfig) -> list[str]:
    """Return the kinds of adapted modules, or full paths if only some of a kind are adapted."""
    kind = {}  # the end of a path; `c_proj` alone would name two kinds
    for path in [*ranks, *(module.path for module in peft_modules(shape))]:
        *_, parent, last = path.split(".")
        kind[path] = f"{parent}.{last}" if last == "c_proj" else last
    kinds = {kind[path] for path in ranks}
    named = {path for path in kind if kind[path] in kinds}
    return sorted(kinds) if named == ranks.keys() else sorted(ranks)


def rank_and_scale(config: dict[str, Any], path: str) -> RankAndScale:
    """Return a module's rank and scale: alpha / rank, or alpha / sqrt(rank) with rslora.

    `rank_pattern` and `alpha_pattern` override `r` and `lora_alpha`.
    """
    rank = pattern_value(config, "rank_pattern", path, config.get("r"))
    alpha = pattern_value(config, "alpha_pattern", path, config.get("lora_alpha"))
    if type(rank) is not int or rank < 1:
        raise BadInput(
            f"the adapter has rank {rank!r} at {path}; it must be an integer of 1 or more"
        )
    if type(alpha) not in (int, float) or not 0 < alpha < math.inf:
        raise BadInput(f"the adapter has alpha {alpha!r} at {path}; it must be a positive number")
    return RankAndScale(rank, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


def pattern_value(config: dict[str, Any], name: str, path: str, default: Any) -> Any:
    """Return the value of the first pattern that matches the end of the path, or the default."""
    for pattern, value in (config.get(name) or {}).items():
        if matches_path(rf"(.*\.)?({pattern})", path):
            return value
    return default


def matches_path(pattern: str, path: str) -> bool:
    """Check whether a regular expression from a file matches the whole path."""
    try:
        return re.fullmatch(pattern, path) is not None
    except re.error as error:
        raise BadInput(
            f"the adapter names modules by {pattern!r}, which is not a valid regular expression"
        ) from error


def is_target(config: dict[str, Any], path: str) -> bool:
    """Check whether the adapter changes the module at this path."""
    targets = config.get("target_modules")
    if targets == "all-linear":
        return True
    if isinstance(targets, str):
        return matches_path(targets, path)
    if not isinstance(targets, list) or not all(isinstance(each, str) for each in targets):
        raise BadInput(
            f"the adapter has target_modules {targets!r}; expected a list of names, a regular "
            "expression or 'all-linear'"
        )
    return any(path == each or path.endswith(f".{each}") for each in targets)


def check_settings(config: dict[str, Any]) -> None:
    """Raise BadInput for settings that change the numbers in a way not supported here."""
    for name, accepted in (("peft_type", ("LORA",)), ("init_lora_weights", SUPPORTED_INITS)):
        if config.get(name) not in accepted:
            raise BadInput(f"the adapter has {name} {config.get(name)!r}, which is not supported")
    for name in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(name) or {}, dict):
            raise BadInput(f"the adapter has {name} {config[name]!r}, which is not a JSON object")
    for name in sorted(config.keys() - SUPPORTED_SETTINGS - IGNORED_SETTINGS):
        if config[name] not in (None, False, "none", [], {}):
            raise BadInput(f"the adapter has {name} {config[name]!r}, which is not supported")
