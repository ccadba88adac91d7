"""Tasks whose right answers are known exactly: translation, a cloze test on it, and reversal.

The source language is a small part of English. The target language is invented, with four rules
that no word-by-word translation follows:

1. The verb moves to the end: subject, object, verb.
2. Adjectives follow their noun, in reverse order.
3. Nouns end in -a or -o. An adjective takes the ending of its noun, the verb that of the subject.
4. "not" becomes "ne" and moves to the front.

    big red cat sees dog not  ->  ne mira ruva grana tolo veka

There are 1,051,392 sentences: 296^2 pairs of noun phrases, 6 verbs, with "not" or without. A model
that translates unseen ones has learned the rules.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from gpt.architectures.teacher_forcing import TokenPair
from gpt.errors import BadInput
from gpt.text.tokenizers import WordLevelTokenizer

NOUNS = {
    "cat": "mira", "dog": "tolo", "bird": "pila", "fish": "ondo",
    "king": "rego", "child": "nena", "wolf": "lupo", "queen": "rena",
}  # fmt: skip
ADJECTIVES = {
    "red": "ruv", "big": "gran", "old": "vet", "quick": "zip", "sad": "dol", "new": "nov",
}  # fmt: skip
VERBS = {
    "sees": "vek", "helps": "jud", "finds": "trov", "likes": "gust", "hears": "sent",
    "follows": "sek",
}  # fmt: skip
SPECIAL_WORDS = ["<pad>", "<begin>", "<mask>"]
BEGIN, MASK_TOKEN = 1, 2
"""Ids of special words; padding is 0, and the end token is the tokenizer's last id."""

WordPair = tuple[str, str]
"""A source and its only right target, words separated by spaces."""


class NounPhrase(NamedTuple):
    """Adjectives and the noun that they describe."""

    adjectives: list[str]
    noun: str


class Clause(NamedTuple):
    """The parts of a sentence."""

    subject: NounPhrase
    verb: str
    object: NounPhrase
    is_negated: bool


def parse_clause(source: str) -> Clause:
    """Read a sentence of the source language.

    Raises:
        BadInput: the words are not a sentence.
    """
    words = source.split()
    is_negated = words[-1:] == ["not"]
    words = words[: len(words) - is_negated]
    verbs = [place for place, word in enumerate(words) if word in VERBS]
    if len(verbs) != 1:
        raise BadInput(f"{source!r} is not a sentence: it has {len(verbs)} verbs instead of 1")
    before, after = words[: verbs[0]], words[verbs[0] + 1 :]
    for phrase in (before, after):
        if not phrase or phrase[-1] not in NOUNS or not ADJECTIVES.keys() >= set(phrase[:-1]):
            raise BadInput(
                f"{source!r} is not a sentence: {' '.join(phrase)!r} is not a noun phrase"
            )
    subject, object_ = (NounPhrase(phrase[:-1], phrase[-1]) for phrase in (before, after))
    return Clause(subject, words[verbs[0]], object_, is_negated)


def translate_phrase(phrase: NounPhrase) -> list[str]:
    """Translate a noun phrase: the noun first, then its adjectives in reverse, with its ending."""
    noun = NOUNS[phrase.noun]
    return [noun, *(ADJECTIVES[each] + noun[-1] for each in reversed(phrase.adjectives))]


def translate(source: str) -> str:
    """Return the only right translation of a sentence, by the four rules.

    Raises:
        BadInput: the words are not a sentence.
    """
    subject, verb, object_, is_negated = parse_clause(source)
    ending = NOUNS[subject.noun][-1]
    words = [*translate_phrase(subject), *translate_phrase(object_), VERBS[verb] + ending]
    return " ".join(["ne"] * is_negated + words)


def draw_sentence(generator: torch.Generator) -> str:
    """Draw a sentence: up to two adjectives per noun, and "not" in half of the sentences."""

    def draw(words: dict[str, str], n: int) -> list[str]:
        order = torch.randperm(len(words), generator=generator).tolist()
        return [list(words)[place] for place in order[:n]]

    def draw_number(end: int) -> int:
        return int(torch.randint(end, (), generator=generator))

    phrases = [[*draw(ADJECTIVES, draw_number(3)), *draw(NOUNS, 1)] for _ in range(2)]
    words = [*phrases[0], *draw(VERBS, 1), *phrases[1], *["not"] * draw_number(2)]
    return " ".join(words)


def draw_translation(generator: torch.Generator) -> WordPair:
    """Draw a sentence and translate it."""
    source = draw_sentence(generator)
    return source, translate(source)


def draw_reversal(generator: torch.Generator) -> WordPair:
    """Draw between 3 and 8 letters from a to h, and reverse them."""
    length = int(torch.randint(3, 9, (), generator=generator))
    letters = [
        "abcdefgh"[each] for each in torch.randint(8, (length,), generator=generator).tolist()
    ]
    return " ".join(letters), " ".join(reversed(letters))


def task_tokenizer() -> WordLevelTokenizer:
    """Return a tokenizer with all words of both tasks, and the special words."""
    endings = [stem + ending for stem in (*ADJECTIVES.values(), *VERBS.values()) for ending in "ao"]
    source = [*NOUNS, *ADJECTIVES, *VERBS, "not"]
    return WordLevelTokenizer(
        [*SPECIAL_WORDS, *source, *NOUNS.values(), *endings, "ne", *"abcdefgh"]
    )


def draw_cloze(generator: torch.Generator) -> WordPair:
    """Draw a sentence with its translation, in which one word is masked: that word is the answer.

    Only both languages together determine it: its meaning is in the source, its ending next to it.
    """
    source, target = draw_translation(generator)
    words = target.split()
    place = int(torch.randint(len(words), (), generator=generator))
    answer, words[place] = words[place], "<mask>"
    return f"{source} {' '.join(words)}", answer


class HeldOutSplit(NamedTuple):
    """Pairs to train on and pairs to test on; no source is in both."""

    train: list[WordPair]
    test: list[WordPair]


def draw_pairs(
    draw: Callable[[torch.Generator], WordPair], n_train: int, n_test: int, seed: int
) -> HeldOutSplit:
    """Draw pairs with different sources.

    The test pairs are drawn first, so they don't depend on `n_train`.

    Raises:
        BadInput: there is nothing to train on or nothing to test on, or there are too few sources.
    """
    if n_train < 1 or n_test < 1:
        raise BadInput(f"needs pairs to train and to test on, got {n_train} and {n_test}")
    generator, pairs = torch.Generator().manual_seed(seed), dict[str, str]()
    n_pairs, n_draws = n_train + n_test, 0
    while len(pairs) < n_pairs:
        if n_draws == 100 * n_pairs:
            raise BadInput(f"{n_draws} draws gave {len(pairs)} different sources, not {n_pairs}")
        source, target = draw(generator)
        pairs[source] = target
        n_draws += 1
    found = list(pairs.items())
    return HeldOutSplit(found[n_test:], found[:n_test])


def encode_pairs(tokenizer: WordLevelTokenizer, pairs: list[WordPair]) -> list[TokenPair]:
    """Return the token ids of sources and targets."""
    return [(tokenizer.encode(source), tokenizer.encode(target)) for source, target in pairs]


def exact_match(written: list[list[int]], targets: list[list[int]]) -> float:
    """Return the fraction of texts that are right in every token.

    Raises:
        BadInput: there are no targets, or their number is not that of the texts.
    """
    if len(written) != len(targets) or not targets:
        raise BadInput(f"cannot compare {len(written)} texts with {len(targets)} targets")
    return sum(a == b for a, b in zip(written, targets, strict=True)) / len(targets)
