"""Rows of chain arithmetic: at once or in steps, and votes among the answers."""

from collections.abc import Callable
from functools import partial

from reasoning.evaluation.answers import final_answer, solves_chain
from reasoning.table.setting import N_POOLED, Outcome, Setting, mean_outcome, traces_cost
from reasoning.tasks.vocabulary import ANSWER, THINK
from reasoning.voting.votes import majority_vote


def chain_sample(setting: Setting, temperature: float, mode: str = THINK) -> list[Outcome]:
    """Sample one trace, and return means over eight such traces; a greedy one needs no mean.

    The eight are the first of those that vote, where any vote: with steps, and not greedy.
    """
    n_mean = 8 if temperature else 1
    n = N_POOLED if mode == THINK and temperature else n_mean
    samples = setting.traces("chain", n, temperature, mode)
    return [
        mean_outcome([solves_chain(chain, text) for text in texts[:n_mean]], texts[:n_mean])
        for chain, texts in zip(setting.chains, samples, strict=True)
    ]


def chain_vote(setting: Setting, n: int, temperature: float) -> list[Outcome]:
    """Take the answer that most of `n` samples give."""
    outcomes = []
    samples = setting.traces("chain", N_POOLED, temperature)
    for chain, texts in zip(setting.chains, samples, strict=True):
        winner = majority_vote([number_or_none(text) for text in texts[:n]])
        is_right = winner == str(chain.results()[-1])
        outcomes.append(Outcome(float(is_right), traces_cost(texts[:n])))
    return outcomes


def number_or_none(text: str) -> str | None:
    """Return the answer of a text if it is one number, or None, which has no vote."""
    answer = final_answer(text)
    return answer if answer.isdecimal() else None


CHAIN_ROWS: dict[str, Callable[[Setting], list[Outcome]]] = {
    "at once": partial(chain_sample, temperature=1.0, mode=ANSWER),
    "steps": partial(chain_sample, temperature=1.0),
    "steps, T = 0.7": partial(chain_sample, temperature=0.7),
    "steps, greedy": partial(chain_sample, temperature=0.0),
    "vote of 8": partial(chain_vote, n=8, temperature=1.0),
    "vote of 32": partial(chain_vote, n=32, temperature=1.0),
    "vote of 8, T = 0.7": partial(chain_vote, n=8, temperature=0.7),
    "vote of 32, T = 0.7": partial(chain_vote, n=32, temperature=0.7),
}
"""Rows of chain arithmetic by name; all of them use only the model."""
