import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt.errors import BadInput
from reasoning.tasks.expressions import parse_expression
from reasoning.tasks.stories import (
    ENDINGS,
    EVENTS,
    Story,
    ask_share,
    ask_together,
    buy_containers,
    give_half,
)
from reasoning.tasks.word_problems import sample_word_problem

STORY = Story("Mia", "Leo", "Tom", "she", "apples", "bags", "eats", n_containers=3, n=12)


def test_events_by_hand():
    bought = buy_containers(STORY, 4)
    assert bought.sentence == "Mia buys 3 bags with 4 apples in each."
    assert bought.steps == (
        "The bags hold 3 * 4 = 12 apples.",
        "Then Mia has 12 + 12 = 24 apples.",
    )
    assert bought.n == 24
    assert give_half(STORY, 0).n == 6 and ask_share(STORY, 4).n == 3
    assert ask_share(STORY, 5) is None  # 12 apples cannot be shared among 5
    assert ask_together(STORY, 5).n == 12 + 17


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(5, 40))
def test_the_solution_follows_from_the_text_and_ends_at_the_answer(seed, n_steps, largest):
    problem = sample_word_problem(np.random.default_rng(seed), n_steps, largest)
    assert len(problem.steps) == n_steps
    known = {int(number) for number in re.findall(r"\d+", problem.question)} | {2}
    for step in problem.steps:
        [(left, right)] = re.findall(r"([0-9]+ [-+*/] [0-9]+) = ([0-9]+)", step)
        assert parse_expression(left).value == int(right)
        used = {int(number) for number in re.findall(r"\d+", left)}
        assert used <= known  # every operand was given, or is an earlier result
        known.add(int(right))
    assert problem.answer == int(right) and 2 <= problem.answer <= 200
    assert problem.question.count("?") == 1 and problem.question.endswith("?")


def test_a_seed_gives_the_same_problems_and_problems_differ():
    def draw(seed, n=1000):
        random = np.random.default_rng(seed)
        return [sample_word_problem(random, 2) for _ in range(n)]

    problems = draw(0)
    assert draw(0, 20) == problems[:20] != draw(1, 20)
    assert len({problem.question for problem in problems}) > 990
    assert len({problem.answer for problem in problems}) > 80


def test_every_template_is_used():
    random = np.random.default_rng(0)
    text = " ".join(sample_word_problem(random, 1 + i % 5).question for i in range(500))
    for maker in (*EVENTS, *ENDINGS):
        words = re.sub(r"Mia|Leo|Tom|apples|bags|eats|her|she|\d+|has now", "~", maker(STORY, 4)[0])
        longest = max(words.split("~"), key=len)
        assert longest in text


@pytest.mark.parametrize("arguments", [(0,), (6,), (2, 4), (5, 40, 3)])
def test_impossible_problems_are_refused(arguments):
    with pytest.raises(BadInput, match="word problem|found no problem"):
        sample_word_problem(np.random.default_rng(0), *arguments)
