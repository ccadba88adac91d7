"""A detector of the same answer to everything."""

from collections import Counter
from collections.abc import Sequence

from finetune.diagnosis.pitfalls import Finding
from finetune.diagnosis.row_faults import normalise_text


def same_answer(answers: Sequence[str], most: float = 0.3, least: int = 10) -> Finding | None:
    """Return a finding if one answer makes up more than `most` of at least `least` answers."""
    if len(answers) < max(least, 1):
        return None
    [(answer, count)] = Counter(normalise_text(each) for each in answers).most_common(1)
    share = count / len(answers)
    return Finding.unless(
        share <= most,
        "same answer",
        f"{share:.0%} of the answers are {answer!r}; check its reward, and raise "
        "the KL coefficient",
        share,
    )
