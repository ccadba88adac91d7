"""Exercise of the chapter on formats and masking: the mask of a row with special tokens."""


def answer_mask(tokens: list[int], header: list[int], stop: int) -> list[bool]:
    """Return True for the tokens that the assistant wrote, including its stop tokens.

    Args:
        tokens: a conversation of any number of turns, perhaps cut off at its end.
        header: the tokens before every answer; they occur nowhere else.
        stop: the token that ends an answer; it also ends the messages of other roles.
    """
    raise NotImplementedError
