"""Loss of supervised fine-tuning: the loss of pretraining, over the tokens of the answer only.

The model reads the prompt but is not trained to predict it (Ouyang et al. 2022, section 3.5,
fine-tuning on demonstrations). The stop token belongs to the answer, so the model learns where to
end.
"""

from typing import Any

from gpt.policy.rows import Rows
from gpt.training.accumulation import LossSum


def sft_loss(model: Any, rows: Rows) -> LossSum:
    r"""Sum the negative log-likelihood of the answers (nats), and count their tokens.

    total = -sum of ln pi(y_t | x, y_<t) over the answer tokens y_t of all rows

    The training loop divides by the tokens of the whole step, so each token has the same weight: a
    long answer counts more than a short one, however the step is split into micro-batches.
    """
    logprobs = model(rows.tokens, rows.mask)  # 0 outside the mask
    return LossSum(-logprobs.sum(), int(rows.mask[:, 1:].sum()))
