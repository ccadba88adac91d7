"""Exercise of the chapter on pitfalls: the same answer to everything."""

from collections.abc import Sequence

from finetune.diagnosis.pitfalls import Finding


def same_answer(answers: Sequence[str], most: float = 0.3, least: int = 10) -> Finding | None:
    """Return a finding if one answer makes up more than `most` of at least `least` answers."""
    raise NotImplementedError
