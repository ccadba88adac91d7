r"""Recall: some keys are shown with their values, then each value has to be found by its key.

The task is a small form of the one in Arora et al. 2023, "Zoology", which compares kinds of
attention by it. Only the key vectors are trained. A value is one-hot, so the output of attention is
a probability for each value, and the loss is its negative logarithm.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

AttentionRule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Takes queries, keys, values and a mask, as `attention` and `linear_attention` do."""


def recall_probabilities(
    rule: AttentionRule,
    table: Float[Tensor, "N K"],
    keys: Int[Tensor, "B S"],
    values: Int[Tensor, "B S"],
) -> Float[Tensor, "B S K"]:
    """Look up every key among all keys of its row; the result is a probability for each value."""
    vectors = table[keys][:, None]  # B 1 S K: one head
    one_hot = F.one_hot(values, table.shape[1])[:, None].to(table.dtype)
    everything = torch.ones(1, 1, keys.shape[1], keys.shape[1], dtype=torch.bool)
    return rule(vectors, vectors, one_hot, everything)[:, 0]


def draw_recall_pairs(
    n_rows: int, n_pairs: int, n_keys: int, n_values: int, generator: torch.Generator
) -> tuple[Int[Tensor, "B S"], Int[Tensor, "B S"]]:
    """Draw different keys for each row, and a value for each of them."""
    keys = torch.rand(n_rows, n_keys, generator=generator).argsort(dim=1)[:, :n_pairs]
    return keys, torch.randint(n_values, (n_rows, n_pairs), generator=generator)


def train_keys(
    rule: AttentionRule, n_keys: int, width: int, steps: int, generator: torch.Generator
) -> Float[Tensor, "N K"]:
    """Train the vectors of the keys, on rows of 4, 8, 16 and 32 pairs in turn."""
    table = torch.randn(n_keys, width, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([table], lr=0.05)
    for step in range(steps):
        keys, values = draw_recall_pairs(32, (4, 8, 16, 32)[step % 4], n_keys, width, generator)
        probabilities = recall_probabilities(rule, table, keys, values)
        right = probabilities.gather(-1, values[..., None])
        optimizer.zero_grad()
        (-right.clamp(min=1e-9).log().mean()).backward()
        optimizer.step()
    return table.detach()


def recall_accuracy(
    rule: AttentionRule, table: Float[Tensor, "N K"], n_pairs: int, generator: torch.Generator
) -> float:
    """Return how often the right value is the most likely one, over 200 rows."""
    n_keys, width = table.shape
    keys, values = draw_recall_pairs(200, n_pairs, n_keys, width, generator)
    found = recall_probabilities(rule, table, keys, values).argmax(dim=-1)
    return float((found == values).float().mean())
