"""Exercise of the chapter on evaluation: how many questions a comparison needs."""


def questions_needed(share: float) -> int:
    """Return the fewest questions for which this win rate is significant at 95 %.

    Args:
        share: the win rate, above 1/2. It is significant if the lower end of Wilson's interval
            is above 1/2.
    """
    raise NotImplementedError
