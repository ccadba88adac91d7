"""The model as its own judge: a `StateValue` without a verifier and without the end test.

    V(state) = p(hit | state) / (p(hit | state) + p(miss | state))    if one number is left
    V(state) = product of the chances of the moves so far             before

Attempts in the training traces end with such a verdict, so the model has learned to give one.
Values of the two kinds are not comparable, which does no harm in breadth-first search, where all
states of a level are of one kind.
"""

from collections.abc import Sequence

from reasoning.search.evaluators import SequenceChance
from reasoning.search.language_model import LanguageModel, state_tokens
from reasoning.search.state import SearchState
from reasoning.tasks.vocabulary import HIT, MISS, TOKENIZER


class OwnVerdict:
    """Values complete attempts by the model's verdict, and others by the chance of their moves."""

    def __init__(self, policy: LanguageModel) -> None:
        self.policy = policy
        self.chance = SequenceChance(policy)

    def __call__(self, states: Sequence[SearchState]) -> list[float]:
        """Return a value in [0, 1] for each state."""
        values = dict(zip(states, self.chance(states), strict=True))
        complete = [state for state in values if state.is_terminal]
        if complete:
            logprobs = self.policy.last_logprobs([state_tokens(state) for state in complete])
            verdicts = logprobs[:, -1, TOKENIZER.encode(f"{HIT} {MISS}")].softmax(-1)
            values |= zip(complete, verdicts[:, 0].tolist(), strict=True)
        for state in complete:
            self.policy.meter.read[state.puzzle] += 4  # `y = z ;` of the last move
        return [values[state] for state in states]
