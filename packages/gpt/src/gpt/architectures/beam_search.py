r"""Beam search: keep the most likely few texts at every step, where greedy decoding keeps one.

Each text is scored by its log-probability, divided by a penalty that grows with its length,
because every token adds a negative number and long texts would lose:

s(Y) = log P(Y | X) / lp(Y),    lp(Y) = ((5 + |Y|) / 6)^alpha    (Wu et al. 2016, eq. 14)

|Y| counts the end token. Departure from Wu et al.: no coverage penalty.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from gpt.architectures.decoding import NextTokenModel
from gpt.errors import BadInput

LengthPenalty = Callable[[int], float]
"""Returns the number by which the log-probability of a text of that length is divided."""


class Hypothesis(NamedTuple):
    """A finished text and how likely it is."""

    tokens: list[int]
    """Its tokens, with the end token unless the text was cut off."""
    logprob: float
    """Sum of the log-probabilities of its tokens."""
    score: float
    """Log-probability divided by the length penalty."""


def no_length_penalty(length: int) -> float:
    """Return 1: texts are compared by their log-probabilities."""
    return 1.0


def wu_length_penalty(length: int, alpha: float = 0.6) -> float:
    r"""Compute lp(Y) = ((5 + |Y|) / 6)^alpha    (eq. 14); Wu et al. use alpha from 0.6 to 0.7."""
    return ((5 + length) / 6) ** alpha


def beam_search(
    model: NextTokenModel,
    begin_token: int,
    end_token: int,
    n_beams: int,
    max_new_tokens: int,
    length_penalty: LengthPenalty = no_length_penalty,
) -> list[Hypothesis]:
    """Return the best finished texts, at most `n_beams`, the one with the highest score first.

    The model has read one source. Every step considers all continuations of all beams. Among the
    `n_beams` most likely, those with an end token are finished; the most likely of the others
    become the next beams. The search ends once no beam can still beat the finished texts, or at the
    limit, where texts without an end token count as finished too.

    Raises:
        BadInput: there are no beams or no tokens to search.
    """
    if n_beams < 1 or max_new_tokens < 1:
        raise BadInput(
            f"beam search needs at least 1 beam and 1 token, got n_beams={n_beams} and "
            f"max_new_tokens={max_new_tokens}"
        )
    finished: list[Hypothesis] = []
    last, logprobs = torch.tensor([begin_token]), torch.zeros(1)
    texts = torch.empty(1, 0, dtype=torch.long)
    for length in range(1, max_new_tokens + 1):
        totals = logprobs[:, None] + model.next_logprobs(last)  # R V
        n_possible = int(totals.isfinite().sum())
        # twice as many as beams, so that enough remain if half of them end here
        best = totals.flatten().topk(min(2 * n_beams, n_possible))
        rows, tokens = best.indices // totals.shape[1], best.indices % totals.shape[1]
        candidates = torch.cat([texts[rows], tokens[:, None]], dim=1)
        ends = (tokens == end_token) | (length == max_new_tokens)
        (ended,) = torch.where(ends[:n_beams])
        for text, logprob in zip(candidates[ended], best.values[ended], strict=True):
            score = logprob.item() / length_penalty(length)
            finished.append(Hypothesis(text.tolist(), logprob.item(), score))
        finished = sorted(finished, key=lambda each: -each.score)[:n_beams]
        (alive,) = torch.where(~ends)
        alive = alive[:n_beams]
        if len(alive) == 0:
            break
        texts, logprobs, last = candidates[alive], best.values[alive], tokens[alive]
        # adding tokens lowers a log-probability, so this bound holds for every continuation
        remaining = range(length + 1, max_new_tokens + 1)
        bound = logprobs[0].item() / max(length_penalty(n) for n in remaining)
        if len(finished) == n_beams and bound <= finished[-1].score:
            break
        model.select_rows(rows[alive])
    return finished
