"""Restarts: the same budget of attempts, but each attempt begins again from the prompt.

::

    in one trace    prompt  attempt miss wait  attempt miss wait  attempt hit  answer
    with restarts   prompt  attempt miss
                    prompt  attempt miss
                    prompt  attempt hit  answer

Restarts are the baseline for a budget within one trace, where a model can read its earlier
attempts: samples in parallel instead of in sequence (Snell et al. 2024). The first `hit` ends both.
"""

import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from reasoning.budget.forcing import AttemptBudget, ForcedTrace, forced_traces
from reasoning.tasks.vocabulary import ANSWER, HIT


def restarted_traces(
    model: GPT,
    prompts: list[str],
    budget: AttemptBudget,
    temperature: float,
    generator: torch.Generator,
) -> list[ForcedTrace]:
    """Sample single attempts at each prompt until one claims a hit or the budget is spent.

    The text of a trace is its last attempt and the answer. Its tokens and attempts count those of
    all attempts; a miss that is thrown away needs no answer, so its answer costs nothing.

    Raises:
        BadInput: the budget is exact, and would throw away hits.
    """
    if not budget.stops_at_hit:
        raise BadInput("restarts stop at the first hit: use AttemptBudget(n, stops_at_hit=True)")
    traces: dict[int, ForcedTrace] = {}
    thrown_away = [0] * len(prompts)
    waiting = list(range(len(prompts)))
    for n_attempts in range(1, budget.n_attempts + 1):
        open_prompts = [prompts[place] for place in waiting]
        sampled = forced_traces(model, open_prompts, AttemptBudget(1), temperature, generator)
        missed = []
        for place, trace in zip(waiting, sampled, strict=True):
            thoughts = trace.text.split(ANSWER)[0].split()
            if HIT in thoughts or n_attempts == budget.n_attempts:
                n_tokens = thrown_away[place] + trace.n_tokens
                traces[place] = trace._replace(n_attempts=n_attempts, n_tokens=n_tokens)
            else:
                thrown_away[place] += len(thoughts)
                missed.append(place)
        waiting = missed
    return [traces[place] for place in range(len(prompts))]
