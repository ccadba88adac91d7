"""How likely a model finds the reference answers: nats a token, and the units made of them.

Only the tokens that the mask keeps are scored: the answer and its stop token, never the prompt. All
tokens weigh alike, wherever the batches end; a mean of the means of batches would not.
"""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float

from finetune.conversations.rows import Rows
from finetune.sft.policy import Policy, without_dropout
from gpt.errors import BadInput
from gpt.evaluation.scores import Scores, compute_scores


@torch.no_grad()
def answer_token_losses(policy: Policy, batches: Iterable[Rows]) -> Float[np.ndarray, " N"]:
    """-ln p of every answer token of all rows, in reading order; dropout is off meanwhile."""
    device = policy.embedding.weight.device
    nats = []
    with without_dropout(policy):
        for rows in batches:
            tokens, mask, _ = rows.to(device)
            nats.append(-policy(tokens, mask)[mask[:, 1:]].cpu().double())
    if not nats:
        raise BadInput("there are no answers to score")
    return torch.cat(nats).numpy()


def answer_scores(policy: Policy, batches: Iterable[Rows], n_bytes: int) -> Scores:
    """Nats a token, perplexity, and bits per byte of the answers' text, `n_bytes` long as UTF-8.

    The stop token is surprising like any other and spells no byte.
    """
    return compute_scores(answer_token_losses(policy, batches), n_bytes)
