"""New words: ask the model what comes next, draw from its answer, and go on until it says END."""

import random
from typing import Any

from handcalc.model.step import reading
from handcalc.training.words import END


def invented(
    weights: dict[str, Any],
    block: str,
    characters: str,
    draws: random.Random,
    temperature: float = 1.0,
) -> str:
    """A word, at most as long as the model has positions.

    A character comes with the share p^(1 / temperature) of its probability p: below 1 the likely
    becomes likelier (Ackley, Hinton and Sejnowski 1985).
    """
    tokens = [END]
    while len(tokens) <= len(weights["position"]):
        shares = reading(weights, tokens, block).values["probabilities"][-1]
        sharpened = [share ** (1 / temperature) for share in shares]
        (token,) = draws.choices(range(len(shares)), sharpened)
        if token == END:
            break
        tokens.append(token)
    return "".join(characters[token - 1] for token in tokens[1:])
