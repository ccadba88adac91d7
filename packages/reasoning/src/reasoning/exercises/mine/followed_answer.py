"""Exercise of the chapter on faithfulness: the answer that follows from a changed step."""

from reasoning.tasks.chain import Chain


def followed_answer(chain: Chain, step: int, changed: int) -> int | None:
    """Return the answer of a trace in which the result of one step was replaced.

    Args:
        chain: the chain, with its operations in `chain.operations`.
        step: the changed step, from 0.
        changed: the number that is written in place of its result.

    If a later result would be below 1 or above 199, return None.
    """
    raise NotImplementedError
