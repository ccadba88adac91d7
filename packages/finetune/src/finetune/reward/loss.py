r"""The Bradley-Terry model: the probability of a preference, given the scores of two answers.

P(a is preferred to b) = sigmoid(r(a) - r(b))    (Bradley and Terry 1952)

Only differences matter, so scores have no zero: adding a number to all of them changes nothing.
"""

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.policy.rows import Rows
from gpt.training.accumulation import LossSum


def bradley_terry_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    r"""Mean negative log-likelihood of the human preferences of B pairs, given the scores.

    loss = -log sigmoid(r_chosen - r_rejected)    (Ouyang et al. 2022, eq. 1, one pair per prompt)

    Equal scores have a loss of ln 2.
    """
    return -F.logsigmoid(chosen - rejected).mean()


def reward_loss(model: Any, rows: Rows) -> LossSum:
    """Sum the loss over B pairs: 2B rows, the chosen answers above the rejected ones.

    Raises:
        BadInput: the rows do not come in pairs.
    """
    if len(rows.tokens) % 2:
        raise BadInput(
            f"{len(rows.tokens)} rows cannot be pairs: chosen answers, then as many rejected ones"
        )
    chosen, rejected = model(rows.tokens, rows.lengths).chunk(2)
    return LossSum(len(chosen) * bradley_terry_loss(chosen, rejected), len(chosen))
