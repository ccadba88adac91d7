"""What counting alone can do: the loss of guessing by frequency, in nats a character.

The end of a word counts as a character, as it does for the model.
"""

import math
from collections import Counter

from handcalc.training.words import spelled


def entropy(words: list[str], characters: str) -> float:
    """The loss of knowing how often each character comes: -sum over c of p(c) ln p(c).

    (Shannon 1948, section 6)
    """
    times = Counter(c for word in words for c in spelled(word, characters)[1])
    total = times.total()
    return -math.fsum(n / total * math.log(n / total) for n in times.values())


def bigram_loss(words: list[str], held_out: list[str], characters: str, context: int) -> float:
    """The loss on held-out words of knowing how often each pair comes.

    p(c | before) = (n(before, c) + 1) / (n(before) + V): each pair counts once more than it came,
    so that none is impossible (Laplace 1814).
    """
    pairs: Counter[tuple[int, int]] = Counter()
    firsts: Counter[int] = Counter()
    for word in words:
        tokens, targets = spelled(word, characters)
        pairs.update(zip(tokens, targets, strict=True))
        firsts.update(tokens)
    vocab_size = len(characters) + 1
    losses = [
        -math.log((pairs[pair] + 1) / (firsts[pair[0]] + vocab_size))
        for word in held_out
        for pair in zip(*spelled(word, characters, context), strict=True)
    ]
    return math.fsum(losses) / len(losses)
