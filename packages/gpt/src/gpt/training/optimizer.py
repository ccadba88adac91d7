"""AdamW, with weight decay where it belongs."""

import torch
from torch import nn


def adamw(
    model: nn.Module, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW over two groups: matrices decay; gains and biases, which set a scale, do not.

    Decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2); as in torch, and unlike there,
    the decay is multiplied by the rate. The loop sets the rate.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=0.0, betas=betas, fused=True)
