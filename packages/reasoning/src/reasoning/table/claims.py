"""What is said about the methods, each as a difference between two rows of the table.

A claim holds if the lower end of its paired interval is above the number of points that it names.
"""

from collections.abc import Mapping
from typing import NamedTuple

from reasoning.table.report import Gain, Right, paired_gain


class Claim(NamedTuple):
    """One row is right more often than another, by more than some points."""

    better: str
    worse: str
    points: float = 0.0


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
    Claim("best of 8, oracle", "best of 8, process"),
    # at no more tokens: 386 against 398, 607 against 801, 714 against 801 on 40 puzzles
    Claim("ToT, own verdict, 8 of 8", "best of 4, process"),
    Claim("ToT, own verdict, 8 of 20", "best of 8, process"),
    Claim("MCTS, process", "best of 8, process"),
    Claim("MCTS, process, end test", "UCT without a model"),
    Claim("MCTS, process, end test", "PUCT without a model"),
)


class ClaimResult(NamedTuple):
    """A claim with the difference that was measured."""

    claim: Claim
    gain: Gain

    @property
    def holds(self) -> bool:
        """Whether the whole interval is above the points of the claim."""
        return 100 * self.gain.low > self.claim.points


def check_claims(claims: tuple[Claim, ...], rows: Mapping[str, Right]) -> list[ClaimResult]:
    """Return the measured difference of every claim whose two rows were measured."""
    return [
        ClaimResult(claim, paired_gain(rows[claim.better], rows[claim.worse]))
        for claim in claims
        if claim.better in rows and claim.worse in rows
    ]
