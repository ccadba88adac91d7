r"""Mixture of experts: many feed-forward layers, of which each token uses a few.

Shazeer et al. 2017, "Outrageously Large Neural Networks", section 2. A router scores the experts
for each token, and the token goes to the k best. The number of weights grows with the number of
experts, the work per token with k.

y = sum over the k best experts e of g_e FFN_e(x),    g = softmax of their scores    (eq. 1, 3, 5)

Departures: no noise on the scores, and no limit on the tokens of an expert.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gpt.errors import BadInput
from gpt.model.feed_forward import make_feed_forward


def expert_weights(scores: Float[Tensor, "N E"], n_active: int) -> Float[Tensor, "N E"]:
    """Return the weight of each expert: a softmax over the `n_active` best, and 0 for the others.

    Raises:
        BadInput: fewer than one expert, or more experts than there are, would be active.
    """
    n_experts = scores.shape[1]
    if not 1 <= n_active <= n_experts:
        raise BadInput(f"each token uses between 1 and {n_experts} experts, got {n_active}")
    best = scores.topk(n_active, dim=1)
    kept = torch.full_like(scores, -torch.inf).scatter(1, best.indices, best.values)
    return kept.softmax(dim=1)


def load_balancing_loss(
    probabilities: Float[Tensor, "N E"], is_chosen: Bool[Tensor, "N E"]
) -> Float[Tensor, ""]:
    r"""Return a loss that is smallest when all experts get equally many tokens.

    loss = E sum over experts of f_e P_e    (Fedus et al. 2022, "Switch Transformers", eq. 4)

    f_e is the fraction of all assignments that go to expert e, and P_e the mean of its
    probabilities over all tokens; only P_e has a gradient. Balanced, the loss is 1; if every token
    uses one expert, and all use the same, it approaches E.
    """
    fraction = is_chosen.sum(dim=0) / is_chosen.sum()
    return len(fraction) * (fraction * probabilities.mean(dim=0)).sum()


class MixtureOfExperts(nn.Module):
    """A replacement for the feed-forward layer of a block."""

    balance: Float[Tensor, ""]
    """Load-balancing loss of the last forward pass, to be added to the loss with a small weight."""

    def __init__(self, d_model: int, d_ff: int, n_experts: int, n_active: int) -> None:
        super().__init__()
        self.n_active = n_active
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.experts = nn.ModuleList(
            make_feed_forward("gelu", d_model, d_ff, bias=True) for _ in range(n_experts)
        )

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Send each token to its best experts, and add up what they return."""
        rows = x.flatten(0, 1)  # N D: the experts know nothing of sequences
        scores = self.router(rows)
        weights = expert_weights(scores, self.n_active)
        is_chosen = weights > 0
        self.balance = load_balancing_loss(scores.softmax(dim=1), is_chosen)
        y = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            (own,) = torch.where(is_chosen[:, number])
            if len(own):
                output = expert(rows[own][None])[0] * weights[own, number, None]
                y = y.index_add(0, own, output)
        return y.view_as(x)
