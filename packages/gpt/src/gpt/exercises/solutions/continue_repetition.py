"""What an induction head predicts (Olsson et al. 2022)."""


def continue_repetition(tokens: list[int]) -> int | None:
    """Search backwards for the last token, and return the one after it."""
    for i in reversed(range(len(tokens) - 1)):
        if tokens[i] == tokens[-1]:
            return tokens[i + 1]
    return None
