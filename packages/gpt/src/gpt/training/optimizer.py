"""Which optimizer moves which weights, and at what peak rate.

With Muon, the matrices inside the blocks take its steps; embeddings, head, positions, gains and
biases take AdamW's (Jordan et al. 2024). Weights decay where they are matrices: gains and biases
set a scale. Each group has a peak rate, of which the loop takes the share that the schedule says.
"""

from collections import defaultdict
from typing import Any

import torch
from torch import nn

from gpt.model.heads import MultiHeadAttention
from gpt.training.config import LoopConfig
from gpt.training.muon import Muon


def make_optimizer(model: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """Make the optimizer that the config names, for the weights that are trained."""
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw":
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return make_adamw(parameters, config.learning_rate, betas, config.weight_decay)
    return make_muon_and_adamw(
        model, config.muon_rate, config.momentum, config.learning_rate, betas, config.weight_decay
    )


def make_adamw(
    parameters: list[nn.Parameter], peak: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """The equation of `training.adamw`, from torch's fused kernel."""
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group | {"peak": peak} for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)


def make_muon(
    model: nn.Module, peak: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Muon over the hidden matrices; queries, keys and values are orthogonalised apart."""
    heads = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    stacked = {id(each.qkv.weight): query_key_value(each) for each in heads}
    groups: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
    for matrix in hidden_matrices(model):
        groups[stacked.get(id(matrix), ())].append(matrix)
    return Muon(
        [{"params": each, "parts": parts, "peak": peak} for parts, each in groups.items()],
        lr=0.0,
        momentum=momentum,
        weight_decay=weight_decay,
    )


def query_key_value(heads: MultiHeadAttention) -> tuple[int, ...]:
    """How many rows of the one projection make queries, keys and values."""
    queries, keys = heads.n_heads * heads.d_head, heads.n_kv_heads * heads.d_head
    return (queries, keys, keys)


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """What Muon is for: the trained matrices inside the blocks."""
    return [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.ndim == 2 and ".blocks." in f".{name}"
    ]


def make_muon_and_adamw(
    model: nn.Module,
    muon_peak: float,
    momentum: float,
    peak: float,
    betas: tuple[float, float],
    weight_decay: float,
) -> torch.optim.Optimizer:
    """Muon where it belongs, AdamW for the rest; AdamW alone in a model without blocks."""
    matrices = hidden_matrices(model)
    inside = {id(matrix) for matrix in matrices}
    parameters = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    rest = make_adamw(parameters, peak, betas, weight_decay)
    return (
        CombinedOptimizer(make_muon(model, muon_peak, momentum, weight_decay), rest)
        if matrices
        else rest
    )


class CombinedOptimizer(torch.optim.Optimizer):
    """Several optimizers as one: the same groups, the same state, one step of each.

    So clipping, loss scales and checkpoints need not know how many there are.
    """

    def __init__(self, *members: torch.optim.Optimizer) -> None:
        super().__init__([group for each in members for group in each.param_groups], {})
        self.members = members
        self.share()

    def share(self) -> None:
        """Let the members work on this optimizer's groups and state, and hold none of their own."""
        groups = iter(self.param_groups)
        for each in self.members:
            each.param_groups = [next(groups) for _ in each.param_groups]
            each.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, for all members."""
        super().load_state_dict(state_dict)
        self.share()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of each."""
        for each in self.members:
            each.step()
