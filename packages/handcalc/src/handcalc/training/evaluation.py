"""Evaluation of a model of words: its loss on held-out words, and losses that counting achieves.

All losses are in nats per character. The end of a word counts as a character.
"""

import math
import random
from collections import Counter
from typing import Any

from handcalc.calculation import flatten
from handcalc.model.transformer import forward
from handcalc.training.generation import generate_word
from handcalc.training.optimizers import State
from handcalc.training.training import TrainConfig
from handcalc.training.words import Words, spell

N_SAMPLES = 12


def held_out_loss(config: TrainConfig, words: Words, state: State) -> float:
    """Return the loss of the model on the held-out words."""
    total, n = 0.0, 0
    for word in words.held_out:
        tokens, targets = spell(word, words.characters, config.context)
        c = forward(state.weights, tokens, targets, config.block)
        total, n = total + c.values["loss"] * len(targets), n + len(targets)
    return total / n


def unigram_entropy(words: list[str], characters: str) -> float:
    """Return the loss of guessing by character frequency: -sum over c of p(c) ln p(c).

    (Shannon 1948, section 6)
    """
    counts = Counter(c for word in words for c in spell(word, characters)[1])
    total = counts.total()
    return -math.fsum(n / total * math.log(n / total) for n in counts.values())


def bigram_loss(words: list[str], held_out: list[str], characters: str, context: int) -> float:
    """Return the loss on held-out words of guessing by the frequency of pairs of characters.

    p(c | before) = (n(before, c) + 1) / (n(before) + V), where one is added to the count of every
    pair so that none is impossible (Laplace 1814).
    """
    pairs: Counter[tuple[int, int]] = Counter()
    firsts: Counter[int] = Counter()
    for word in words:
        tokens, targets = spell(word, characters)
        pairs.update(zip(tokens, targets, strict=True))
        firsts.update(tokens)
    vocab_size = len(characters) + 1
    losses = [
        -math.log((pairs[pair] + 1) / (firsts[pair[0]] + vocab_size))
        for word in held_out
        for pair in zip(*spell(word, characters, context), strict=True)
    ]
    return math.fsum(losses) / len(losses)


def evaluate(config: TrainConfig, words: Words, state: State) -> dict[str, Any]:
    """Return the sizes of a run, the three losses, and a few generated words."""
    everything = words.training + words.held_out
    draws = random.Random(config.seed)
    return {
        "steps": state.step,
        "words": len(everything),
        "parameters": sum(len(flatten(tensor)) for tensor in state.weights.values()),
        "held_out_loss": held_out_loss(config, words, state),
        "unigram_entropy": unigram_entropy(everything, words.characters),
        "bigram_loss": bigram_loss(
            words.training, words.held_out, words.characters, config.context
        ),
        "samples": [
            generate_word(state.weights, config.block, words.characters, draws, temperature=0.8)
            for _ in range(N_SAMPLES)
        ],
    }
