"""One and the same answer to everything."""

from collections import Counter
from collections.abc import Sequence

from finetune.diagnosis.pitfalls import Finding
from finetune.diagnosis.row_faults import normalise_text


def same_answer(answers: Sequence[str], most: float = 0.3, least: int = 10) -> Finding | None:
    """A finding if one answer makes up more than `most` of at least `least` answers."""
    if len(answers) < max(least, 1):
        return None
    [(answer, times)] = Counter(normalise_text(each) for each in answers).most_common(1)
    share = times / len(answers)
    if share <= most:
        return None
    return Finding(
        "same answer",
        f"{share:.0%} of the answers are {answer!r}; read what the reward says of it, and raise "
        "the price of leaving the reference",
        share,
    )
