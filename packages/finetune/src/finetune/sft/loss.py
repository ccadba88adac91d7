"""Supervised fine-tuning: the loss of pretraining, over the tokens of the answer alone.

A prompt is read and not learned (Ouyang et al. 2022, section 3.5, fine-tune on demonstrations). The
stop token is a part of the answer, so the model learns where to end.
"""

from typing import Any

from finetune.conversations.rows import Rows
from gpt.training.accumulation import LossSum


def sft_loss(model: Any, rows: Rows) -> LossSum:
    r"""How surprised the model is by the answers (nats), and how many tokens those have.

    total = -sum of ln pi(y_t | x, y_<t) over the answer tokens y_t of all rows

    The training loop divides by the tokens of the whole step, so each token counts the same: a long
    answer more than a short one, and no row more for the micro-batch that it happens to be in.
    """
    logprobs = model(rows.tokens, rows.mask)  # 0 outside the mask
    return LossSum(-logprobs.sum(), int(rows.mask[:, 1:].sum()))
