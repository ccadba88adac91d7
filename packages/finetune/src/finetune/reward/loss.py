r"""The Bradley-Terry model: what a preference between two answers says about their scores.

P(a is preferred to b) = sigmoid(r(a) - r(b))    (Bradley and Terry 1952)

A difference alone counts, so scores have no zero: all of them may move up by the same number.
"""

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from finetune.conversations.rows import Rows
from gpt.errors import BadInput
from gpt.training.accumulation import LossSum


def bradley_terry_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    r"""How surprised the scores are by the human preference, a mean over B pairs.

    loss = -log sigmoid(r_chosen - r_rejected)    (Ouyang et al. 2022, eq. 1, one pair a prompt)

    Scores that cannot tell the two apart lose ln 2.
    """
    return -F.logsigmoid(chosen - rejected).mean()


def reward_loss(model: Any, rows: Rows) -> LossSum:
    """The loss of B pairs, summed: 2B rows, the chosen answers above the rejected ones.

    One pass scores all rows, so both answers of a pair meet the same weights.

    Raises:
        BadInput: the rows do not come in pairs.
    """
    if len(rows.tokens) % 2:
        raise BadInput(f"{len(rows.tokens)} rows are no pairs: chosen answers, then as many others")
    chosen, rejected = model(rows.tokens, rows.lengths).chunk(2)
    return LossSum(len(chosen) * bradley_terry_loss(chosen, rejected), len(chosen))
