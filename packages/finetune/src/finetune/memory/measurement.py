r"""What a step really holds: measured, to hold beside what `memory` counts.

Two instruments. Hooks see each tensor that autograd keeps. A mode sees each tensor that is made,
and when it goes.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from finetune.lora.inject import inject
from finetune.lora.nf4 import quantise_model
from finetune.memory.checkpointing import checkpoint_blocks
from finetune.memory.step import TrainingStep
from finetune.sft.policy import Policy
from gpt.model.config import GPTConfig
from gpt.runs.passes import autocast
from gpt.training.optimizer import make_adamw, make_muon_and_adamw


def saved_activation_bytes(run: Callable[[], Tensor], *theirs: Tensor) -> int:
    """The bytes that the graph of a result keeps for its backward pass.

    A tensor that is kept twice, or by two operations, or as two views, counts once. `theirs` are
    not counted: parameters, the batch, tables, which are there anyway.
    """
    outside = {each.untyped_storage().data_ptr() for each in theirs}
    kept: weakref.WeakSet[Any] = weakref.WeakSet()  # what a dropped graph kept goes by itself

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in outside:
            kept.add(storage)
        return tensor.detach()  # an operation that keeps its result must not keep itself alive

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = run()
    n_bytes = sum(storage.nbytes() for storage in kept)
    del result
    return n_bytes


class LiveBytes(TorchDispatchMode):
    """Within, counts the memory of every tensor from its making to its end, whoever holds it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.ours: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        before = {*map(id, tensor_storages((args, kwargs)))}
        result = func(*args, **(kwargs or {}))
        for storage in tensor_storages(result):
            if id(storage) not in before and storage not in self.ours:
                self.ours.add(storage)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.ended, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return result

    def ended(self, n_bytes: int) -> None:
        """A storage is gone."""
        self.now -= n_bytes


def tensor_storages(tree: Any) -> list[Any]:
    """What the tensors in nested tuples, lists and dicts lie in."""
    return [each.untyped_storage() for each in tree_leaves(tree) if isinstance(each, Tensor)]


class MeasuredStep:
    """The step of an outline as a real one: a model of random weights, and texts."""

    def __init__(self, config: GPTConfig, step: TrainingStep) -> None:
        self.step, self.model = step, Policy(config)
        if step.precision == "bf16":
            self.model.bfloat16()
        if step.quantised:
            quantise_model(self.model)
        if step.lora is not None:
            inject(self.model, step.lora)
        if step.checkpointed:
            checkpoint_blocks(self.model)
        rate, betas = 1e-4, (0.9, 0.95)
        if step.optimizer == "muon":
            self.optimizer = make_muon_and_adamw(self.model, rate, 0.95, rate, betas, 0.0)
        else:
            self.optimizer = make_adamw(self.trained(), rate, betas, 0.0)
        self.tokens = torch.randint(0, config.vocab_size, (step.rows, step.positions + 1))
        # from the ends of all rows, so that no row has padding
        order = torch.arange(step.rows * step.positions).view(step.positions, step.rows)
        self.mask = F.pad((order < step.scored).flip(0).T, (1, 0))

    def trained(self) -> list[nn.Parameter]:
        """The parameters with a gradient."""
        return [each for each in self.model.parameters() if each.requires_grad]

    def loss(self) -> Float[Tensor, ""]:
        """The forward pass."""
        with autocast("cpu", {"mixed": "bf16"}.get(self.step.precision, "fp32")):
            return -self.model(self.tokens, self.mask).sum()

    def run(self) -> None:
        """The whole step."""
        self.loss().backward()
        nn.utils.clip_grad_norm_(self.trained(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
