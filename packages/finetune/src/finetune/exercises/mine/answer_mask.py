"""Exercise of the chapter on formats and masking: the mask of a row whose marks are tokens."""


def answer_mask(tokens: list[int], header: list[int], stop: int) -> list[bool]:
    """True on the tokens that the assistant wrote, its stop tokens included.

    Args:
        tokens: a conversation of any number of turns, perhaps cut off at its end.
        header: what stands before every answer, and nowhere else.
        stop: what ends an answer; it ends the messages of others too.
    """
    raise NotImplementedError
