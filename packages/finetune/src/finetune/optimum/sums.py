"""A task with one right answer a question: sums, learned from demonstrations that are often wrong.

The questions are `a+b=` for a and b from 0 to 9, the answers two digits at most and a stop.
The demonstrations are right about half of the time, so a model that imitates them is right half of
the time at best. A reward can say when it is; how much better a policy can then become at what
distance from the imitator is a matter of computing (`frontier`).
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from finetune.conversations.rows import Example, prompt_answer_example
from gpt.text.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer([*"0123456789+="])
STOP_TOKEN = TOKENIZER.end_of_text
MAX_SUM_TOKENS = 3
"""Tokens of the longest answer, the stop token included."""
QUESTIONS = [f"{a}+{b}=" for a, b in product(range(10), repeat=2)]
RIGHT_SHARE = 0.5


def right_answer(question: str) -> str:
    """The sum, in digits."""
    a, b = question.removesuffix("=").split("+")
    return str(int(a) + int(b))


def sum_reward(question: str, answer: str, stopped: bool) -> float:
    """1 for the right number and then the stop token, 0 for anything else."""
    return float(stopped and answer == right_answer(question))


def demonstrations(questions: Sequence[str], n_each: int, seed: int) -> list[Example]:
    """Answers to imitate: right half of the time, else one to three too low or too high.

    What would be below 0 is 0, so the sum of 0 and 0 is right in three quarters.
    """
    random = np.random.default_rng(seed)
    examples = []
    for question in [*questions] * n_each:
        number = int(right_answer(question))
        if random.random() >= RIGHT_SHARE:
            number = max(0, number + int(random.choice([-3, -2, -1, 1, 2, 3])))
        answer = [*TOKENIZER.encode(str(number)), STOP_TOKEN]
        examples.append(prompt_answer_example(TOKENIZER.encode(question), answer))
    return examples
