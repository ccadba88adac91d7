"""New words: sample one character after another from the model until it predicts END."""

import random
from typing import Any

from handcalc.model.transformer import predict
from handcalc.training.words import END


def generate_word(
    weights: dict[str, Any],
    block: str,
    characters: str,
    draws: random.Random,
    temperature: float = 1.0,
) -> str:
    """Return a word, at most as long as the model has positions.

    A character is drawn in proportion to p^(1 / temperature) of its probability p: temperatures
    below 1 favour likely characters (Ackley, Hinton and Sejnowski 1985).
    """
    tokens = [END]
    while len(tokens) <= len(weights["position"]):
        p = predict(weights, tokens, block).values["probabilities"][-1]
        (token,) = draws.choices(range(len(p)), [each ** (1 / temperature) for each in p])
        if token == END:
            break
        tokens.append(token)
    return "".join(characters[token - 1] for token in tokens[1:])
