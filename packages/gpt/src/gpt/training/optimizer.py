"""Parameter groups: the optimizer, weight decay and peak learning rate of each weight.

With Muon, the matrices inside the blocks are trained by Muon, and embeddings, head, positions,
gains and biases by AdamW (Jordan et al. 2024). Only matrices decay: gains and biases set a scale.
Each group has a peak learning rate, which the loop multiplies by the schedule's factor.
"""

from collections import defaultdict
from typing import Any

import torch
from torch import nn

from gpt.model.heads import MultiHeadAttention
from gpt.training.config import LoopConfig
from gpt.training.muon import Muon


def make_optimizer(model: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """Return the optimizer that the config names, for all weights that are not frozen."""
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw":
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return make_adamw(parameters, config.learning_rate, betas, config.weight_decay)
    return make_muon_and_adamw(
        model,
        config.muon_learning_rate,
        config.muon_momentum,
        config.learning_rate,
        betas,
        config.weight_decay,
    )


def make_adamw(
    parameters: list[nn.Parameter], peak_lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """Return torch's fused AdamW (see `training.adamw`), with weight decay on matrices only."""
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group | {"peak_lr": peak_lr} for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)


def make_muon(
    model: nn.Module, peak_lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return Muon for the hidden matrices; queries, keys and values are orthogonalised apart."""
    qkv_rows: dict[int, tuple[int, ...]] = {}
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            queries, keys = module.n_heads * module.d_head, module.n_kv_heads * module.d_head
            qkv_rows[id(module.qkv.weight)] = (queries, keys, keys)
    by_rows: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
    for matrix in hidden_matrices(model):
        by_rows[qkv_rows.get(id(matrix), ())].append(matrix)
    groups = [
        {"params": matrices, "row_splits": rows, "peak_lr": peak_lr}
        for rows, matrices in by_rows.items()
    ]
    return Muon(groups, lr=0.0, momentum=momentum, weight_decay=weight_decay)


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Return the trainable matrices inside the blocks, which Muon is for."""
    return [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.ndim == 2 and "blocks." in name
    ]


def make_muon_and_adamw(
    model: nn.Module,
    muon_peak_lr: float,
    momentum: float,
    peak_lr: float,
    betas: tuple[float, float],
    weight_decay: float,
) -> torch.optim.Optimizer:
    """Return Muon for the hidden matrices with AdamW for the rest; in models without, AdamW."""
    hidden = {id(matrix) for matrix in hidden_matrices(model)}
    parameters = [p for p in model.parameters() if p.requires_grad and id(p) not in hidden]
    adamw = make_adamw(parameters, peak_lr, betas, weight_decay)
    if not hidden:
        return adamw
    return CombinedOptimizer(make_muon(model, muon_peak_lr, momentum, weight_decay), adamw)


class CombinedOptimizer(torch.optim.Optimizer):
    """Several optimizers as one, whose groups and state are those of all of its members.

    Gradient clipping, loss scaling and checkpoints then work as for a single optimizer.
    """

    def __init__(self, *members: torch.optim.Optimizer) -> None:
        super().__init__([group for each in members for group in each.param_groups], {})
        self.members = members
        self.share_state()

    def share_state(self) -> None:
        """Let the members work on the groups and state of this optimizer instead of their own."""
        groups = iter(self.param_groups)
        for each in self.members:
            each.param_groups = [next(groups) for _ in each.param_groups]
            each.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of all members."""
        super().load_state_dict(state_dict)
        self.share_state()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step with each member."""
        for each in self.members:
            each.step()
