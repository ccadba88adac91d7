"""An adapter in the words of the library `peft`: its modules, its names of tensors, its settings.

peft puts one A and one B beside a module of transformers. In Llama each part of ours is a module of
its own; in GPT-2 one module, `c_attn`, makes queries, keys and values. Settings that the numbers do
not depend on are passed over; one that ours cannot honour is refused by name, never ignored.
"""

import math
import re
from collections import Counter
from typing import Any, NamedTuple

from finetune.lora.projections import block_projections
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.pretrained.shapes import transformers_family
from gpt.pretrained.weights import BODY, tensor_mappings

PEFT_PREFIX = "base_model.model."
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
"""Ways to draw the first A and B that leave the base as it is; others change it."""


class PeftModule(NamedTuple):
    """A module of theirs that can have an adapter."""

    path: str
    layer: str
    """Our layer that does its work."""
    n_inputs: int
    parts: dict[str, slice]
    """The parts that it makes, and where they stand among our layer's outputs."""

    @property
    def first(self) -> int:
        """Where its own outputs begin in our layer."""
        return min(part.start for part in self.parts.values())

    @property
    def n_outputs(self) -> int:
        """How many outputs it has."""
        return sum(part.stop - part.start for part in self.parts.values())

    def tensor(self, factor: str) -> str:
        """The name of its A or B in a file."""
        return f"{PEFT_PREFIX}{self.path}.lora_{factor}.weight"


def peft_modules(shape: GPTConfig) -> list[PeftModule]:
    """All of them, in the order of the model.

    Raises:
        BadInput: transformers has no class for this architecture.
    """
    body, parts, found = BODY[transformers_family(shape)], block_projections(shape), []
    for row in tensor_mappings(shape):
        if not re.fullmatch(r"blocks\.\d+\..+\.weight", row.ours):
            continue
        layer = row.ours.removesuffix(".weight")
        name = layer.split(".", 2)[2]  # in its block
        here = {key: part for key, part in parts.items() if part.layer == name}
        paths = [body + each.removesuffix(".weight") for each in row.theirs]
        slices = {key: part.outputs for key, part in here.items()}
        n_inputs = next(iter(here.values())).n_inputs
        if len(paths) == 1:
            found.append(PeftModule(paths[0], layer, n_inputs, slices))
        else:
            found += [
                PeftModule(path, layer, n_inputs, {key: where})
                for path, (key, where) in zip(paths, slices.items(), strict=True)
            ]
    return found


def target_name(path: str) -> str:
    """The end of a path that names this kind of module: `c_proj` alone would name two."""
    *_, before, last = path.split(".")
    return f"{before}.{last}" if last == "c_proj" else last


class RankAndScale(NamedTuple):
    """What an `adapter_config.json` says of a module."""

    rank: int
    scale: float


def peft_config(ranks: dict[str, RankAndScale], dropout: float, shape: GPTConfig) -> dict[str, Any]:
    """The `adapter_config.json`: the most common rank, and a pattern for each module of another."""
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
    """The kinds of modules with an adapter; where some of a kind have none, each by its path."""
    kinds = {target_name(path) for path in ranks}
    named = {module.path for module in peft_modules(shape) if target_name(module.path) in kinds}
    return sorted(kinds) if named == ranks.keys() else sorted(ranks)


def rank_and_scale(config: dict[str, Any], path: str) -> RankAndScale:
    """Rank and scale of the module; patterns take precedence, rslora divides by sqrt(rank)."""
    rank = pattern_value(config, "rank_pattern", path, config.get("r"))
    alpha = pattern_value(config, "alpha_pattern", path, config.get("lora_alpha"))
    if type(rank) is not int or rank < 1:
        raise BadInput(f"the adapter has rank {rank!r} at {path}; it must be a number from 1 on")
    if type(alpha) not in (int, float) or not 0 < alpha < math.inf:
        raise BadInput(f"the adapter has alpha {alpha!r} at {path}; it must be a positive number")
    return RankAndScale(rank, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


def pattern_value(config: dict[str, Any], name: str, path: str, otherwise: Any) -> Any:
    """The value of the first pattern that is an end of the path."""
    for pattern, value in (config.get(name) or {}).items():
        if matches_path(rf"(.*\.)?({pattern})", path):
            return value
    return otherwise


def matches_path(pattern: str, path: str) -> bool:
    """Whether a regular expression from a file is the whole path."""
    try:
        return re.fullmatch(pattern, path) is not None
    except re.error as error:
        raise BadInput(f"the adapter names modules by {pattern!r}, which is no pattern") from error


def is_target(config: dict[str, Any], path: str) -> bool:
    """Whether the adapter says that it changes this module."""
    targets = config.get("target_modules")
    if targets == "all-linear":
        return True
    if isinstance(targets, str):
        return matches_path(targets, path)
    if not isinstance(targets, list) or not all(isinstance(each, str) for each in targets):
        raise BadInput(f"the adapter has target_modules {targets!r}; a list of names is read here")
    return any(path == each or path.endswith(f".{each}") for each in targets)


def check_settings(config: dict[str, Any]) -> None:
    """Refuse what would change the numbers in a way that ours does not know."""
    for name, accepted in (("peft_type", ("LORA",)), ("init_lora_weights", SUPPORTED_INITS)):
        if config.get(name) not in accepted:
            raise BadInput(f"the adapter has {name} {config.get(name)!r}, which is not read here")
    for name in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(name) or {}, dict):
            raise BadInput(f"the adapter has {name} {config[name]!r}, which is no table of modules")
    for name in sorted(config.keys() - SUPPORTED_SETTINGS - IGNORED_SETTINGS):
        if config[name] not in (None, False, "none", [], {}):
            raise BadInput(f"the adapter has {name} {config[name]!r}, which is not read here")
