"""A task with one right answer per question: sums, learned from often wrong demonstrations.

Questions are `a+b=` for a and b from 0 to 9; answers are at most two digits and a stop token.
Demonstrations are right about half of the time, so a model that imitates them is right at most
about half of the time. A reward tells right answers from wrong ones. How much better a policy can
get at a given KL from the imitator can be computed exactly (`frontier`).
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from gpt.policy.rows import Example, prompt_answer_example
from gpt.text.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer([*"0123456789+="])
STOP_TOKEN = TOKENIZER.end_of_text
MAX_SUM_TOKENS = 3
"""Tokens of the longest answer, including the stop token."""
QUESTIONS = [f"{a}+{b}=" for a, b in product(range(10), repeat=2)]
RIGHT_SHARE = 0.5


def right_answer(question: str) -> str:
    """Return the sum as digits."""
    a, b = question.removesuffix("=").split("+")
    return str(int(a) + int(b))


def sum_reward(question: str, answer: str, stopped: bool) -> float:
    """Return 1 for the right number followed by the stop token, 0 for anything else."""
    return float(stopped and answer == right_answer(question))


def demonstrations(questions: Sequence[str], n_each: int, seed: int) -> list[Example]:
    """Make answers to imitate: right half of the time, else one to three too low or too high.

    Answers below 0 become 0, so those to 0+0 are right three quarters of the time.
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
