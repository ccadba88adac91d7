"""Exercise of the chapter on evaluation: how many questions a comparison takes."""


def questions_needed(share: float) -> int:
    """The fewest questions at which this win rate is more than chance, at 95 %.

    Args:
        share: the win rate, above 1/2. It is more than chance where the lower end of Wilson's
            interval lies above 1/2.
    """
    raise NotImplementedError
