"""A GPT in PyTorch: tokenizer, model, training, generation and evaluation.

Read `gpt2` (GPT-2 on one page) and `text`, `model`, `training`, `generation`, `evaluation`; then
`runs`, `pretraining`, `policy`, `pretrained`, `comparison`. The names below are imported on first
use, so that `import gpt` and the command line start at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpt.generation.generate import generate
    from gpt.model.config import GPTConfig
    from gpt.model.gpt import GPT
    from gpt.runs.folder import load_model
    from gpt.training.loop import LoopConfig, train

HOMES = {
    "GPT": "gpt.model.gpt",
    "GPTConfig": "gpt.model.config",
    "LoopConfig": "gpt.training.loop",
    "generate": "gpt.generation.generate",
    "load_model": "gpt.runs.folder",
    "train": "gpt.training.loop",
}
__all__ = ["GPT", "GPTConfig", "LoopConfig", "generate", "load_model", "train"]


def __getattr__(name: str) -> Any:
    """Import a name from its home (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module 'gpt' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
