r"""Do two judges agree more than chance would have them agree?

kappa = (p_o - p_e) / (1 - p_e)    (Cohen 1960, eq. 1)

p_o is the share of items on which they agree, p_e the share on which two strangers would who give
each label as often as these do. Two judges who share a fault agree as well: kappa is no proof that
either is right. One judge asked in both orders is a pair of judges too, `order_kappa`.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

from finetune.evaluation.wins import JudgeVerdict, PairwiseComparison, PairwiseJudge
from gpt.errors import BadInput


def observed_agreement(a: Sequence[str], b: Sequence[str]) -> float:
    """Share of items that get the same label from both."""
    if len(a) != len(b) or not a:
        raise BadInput(f"two judges must label the same items, got {len(a)} and {len(b)} labels")
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def chance_agreement(a: Sequence[str], b: Sequence[str]) -> float:
    """p_e: the sum over labels of the product of how often each judge gives it."""
    ours, theirs = Counter(a), Counter(b)
    return sum(ours[label] * theirs[label] for label in ours) / (len(a) * len(b))


def kappa(a: Sequence[str], b: Sequence[str]) -> float:
    """Agreement beyond chance: 1 is full, 0 is what chance gives, below 0 is worse.

    Not a number where both give one and the same label to everything: chance explains it all.
    """
    observed, expected = observed_agreement(a, b), chance_agreement(a, b)
    return (observed - expected) / (1 - expected) if expected < 1 else math.nan


def order_kappa(fought: Sequence[PairwiseComparison]) -> float:
    """A judge's agreement with itself when the order of the answers is swapped."""
    return kappa([duel.read_first for duel in fought], [duel.read_second for duel in fought])


def judge_by_score(score: Callable[[str, str], float], first_bonus: float = 0.0) -> PairwiseJudge:
    """A toy judge: the higher score(question, answer) wins, and being read first is worth a bonus.

    With a bonus above every difference of scores it always says A. Asked in one order only, it
    makes whichever side is shown first look perfect.
    """

    def judge(question: str, a: str, b: str) -> JudgeVerdict:
        gap = score(question, a) + first_bonus - score(question, b)
        return "tie" if gap == 0 else "A" if gap > 0 else "B"

    return judge
