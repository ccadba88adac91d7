"""Claims about the methods, each a difference between two rows of the table.

A claim holds if the lower end of its paired interval is above the number of points that it names,
and, where it says so, the better row costs no more tokens than the worse one.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gpt.evaluation.intervals import Interval
from reasoning.table.report import Outcomes, paired_gain, row_rate


class Claim(NamedTuple):
    """The claim that one row is right more often than another, by more than `points`."""

    better: str
    worse: str
    points: float = 0.0
    is_cheaper: bool = False
    """Also claimed: it costs at most as many tokens, generated and read together."""


CHAIN_CLAIMS = (
    Claim("steps", "at once", 20),
    Claim("vote of 8", "steps", 10),
    Claim("vote of 8", "steps, greedy"),
    Claim("vote of 8, T = 0.7", "steps, greedy"),
)
COUNTDOWN_CLAIMS = (
    Claim("one trace", "at once"),
    Claim("4 attempts", "1 attempt", 15),
    Claim("vote of 8", "one trace"),
    Claim("best of 8, process", "vote of 8"),
    Claim("vote of 8, by process", "vote of 8"),
    Claim("best of 8, process of the answer", "vote of 8"),
    Claim("best of 8, oracle", "best of 8, process of the answer"),
    Claim("ToT, own verdict, 8 of 8", "best of 4, process", is_cheaper=True),
    Claim("ToT, own verdict, 8 of 20", "best of 8, process", is_cheaper=True),
    Claim("MCTS, process", "best of 8, process", is_cheaper=True),
    Claim("MCTS, process, end test", "UCT without a model"),
    Claim("MCTS, process, end test", "PUCT without a model"),
)


class ClaimResult(NamedTuple):
    """A claim with the difference that was measured."""

    claim: Claim
    gain: Interval
    """Difference in accuracy, paired over problems."""
    more_tokens: float
    """Tokens per problem that the better row costs more than the other; negative if fewer."""

    @property
    def holds(self) -> bool:
        """Whether the whole interval is above the points of the claim, at the claimed cost."""
        costs_too_much = self.claim.is_cheaper and self.more_tokens > 0
        return 100 * self.gain.low > self.claim.points and not costs_too_much


def check_claims(claims: tuple[Claim, ...], rows: Mapping[str, Outcomes]) -> list[ClaimResult]:
    """Return the measured difference of every claim whose two rows were measured."""
    results: list[ClaimResult] = []
    for claim in claims:
        if claim.better in rows and claim.worse in rows:
            better, worse = rows[claim.better], rows[claim.worse]
            gain = paired_gain(better, worse)
            more = row_rate(better).tokens - row_rate(worse).tokens
            results.append(ClaimResult(claim, gain, more))
    return results
