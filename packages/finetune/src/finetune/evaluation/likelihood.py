"""Likelihood of the reference answers under a model, in nats per token and derived units.

Only tokens under the mask are scored: the answer and its stop token, never the prompt. All tokens
have the same weight, whatever the batches; in a mean of batch means they would not. The stop token
adds a loss and no byte to `gpt.evaluation.scores.compute_scores`.
"""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float

from gpt.errors import BadInput
from gpt.policy.policy import Policy, without_dropout
from gpt.policy.rows import Rows


@torch.no_grad()
def answer_token_losses(policy: Policy, batches: Iterable[Rows]) -> Float[np.ndarray, " N"]:
    """Compute -ln p of every answer token of all rows, in reading order, without dropout."""
    device = policy.embedding.weight.device
    losses = []
    with without_dropout(policy):
        for rows in batches:
            tokens, mask, _ = rows.to(device)
            losses.append(-policy(tokens, mask)[mask[:, 1:]].cpu().double())
    if not losses:
        raise BadInput("there are no answers to score")
    return torch.cat(losses).numpy()
