"""Pairs of a model's own answers, ranked by the rule.

What a reward model has never seen it cannot judge, and a policy that learns from it will find that
out. So it is shown answers of the kind that it will be asked about (Stiennon et al. 2020, section
3.1: comparisons of samples from the policy), and one of them broken off after a word or two. That
is where a policy goes if the judge likes brevity and has never seen too much of it.
"""

import math
import random
from collections.abc import Sequence

from finetune.assistant.answering import generate_answers
from finetune.assistant.assistant import Assistant
from finetune.conversations.messages import PreferencePair, single_turn_prompt
from finetune.datasets.corruptions import join_sentence
from finetune.datasets.preferences import preferences_by_rule
from finetune.datasets.questions import Question
from finetune.datasets.tasks import Task, as_preference_pair, question_task
from gpt.runs.progress import report_message

N_QUESTIONS = 1000
"""How many of those to learn from are asked; of the held-out ones a fifth."""
N_ANSWERS = 8


def sample_ranked_pairs(
    assistant: Assistant, n_questions: int = N_QUESTIONS, seed: int = 0
) -> Task[PreferencePair]:
    """Eight answers and a curt one to questions of both sides, the best against those below it."""
    report_message("sampling answers to rank")
    task = question_task()
    sides = ((task.train, n_questions), (task.held_out, math.ceil(n_questions / 5)))
    return Task(*(rank_samples(assistant, side, n, seed) for side, n in sides))


def rank_samples(
    assistant: Assistant, asked_of_it: Sequence[Question], n_questions: int, seed: int
) -> list[PreferencePair]:
    """The pairs of one side; a question whose answers tie gives none."""
    generator = random.Random(seed)
    chosen = generator.sample(list(asked_of_it), min(n_questions, len(asked_of_it)))
    texts = [single_turn_prompt(question.question) for question in chosen for _ in range(N_ANSWERS)]
    said = generate_answers(assistant, texts, temperature=1.0, seed=seed)
    found = []
    for number, question in enumerate(chosen):
        group = said[number * N_ANSWERS : (number + 1) * N_ANSWERS]
        heard = [(each.text, each.stopped) for each in group if each.text]
        heard += [(truncated_answer(text, generator), True) for text, _ in heard[:1]]
        found += preferences_by_rule(
            question, [text for text, _ in heard], [stopped for _, stopped in heard]
        )
    return [as_preference_pair(each) for each in found]


def truncated_answer(text: str, generator: random.Random) -> str:
    """The first word or two, as a sentence."""
    return join_sentence([" ".join(text.split()[: generator.randint(1, 2)]).rstrip(".")])
