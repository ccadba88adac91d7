"""Pairs of a model's own answers, ranked by the rule.

A reward model cannot judge kinds of answers that it was not trained on, and a policy that learns
from it will exploit that. So it is trained on answers sampled from the model (Stiennon et al. 2020,
section 3.1: comparisons of samples from the policy), and on one of them cut off after a word or
two: a policy becomes that brief if the reward model prefers short answers and never saw one that is
too short.
"""

import math
import random
from collections.abc import Sequence

from finetune.assistant.answering import ModelAnswer, generate_answers
from finetune.assistant.assistant import Assistant
from finetune.conversations.messages import PreferencePair, single_turn_prompt
from finetune.datasets.corruptions import join_sentence
from finetune.datasets.preferences import preferences_by_rule
from finetune.datasets.questions import Question
from finetune.datasets.tasks import Task, as_preference_pair, question_task
from gpt.runs.progress import report_message

N_QUESTIONS = 1000
"""Training questions to sample answers for; a fifth as many held-out questions."""
N_ANSWERS = 8


def sample_ranked_pairs(
    assistant: Assistant, n_questions: int = N_QUESTIONS, seed: int = 0
) -> Task[PreferencePair]:
    """Sample eight answers per question, truncate one more, and pair the best with worse ones."""
    report_message("sampling answers to rank")
    task = question_task()
    splits = ((task.train, n_questions), (task.held_out, math.ceil(n_questions / 5)))
    return Task(*(rank_samples(assistant, questions, n, seed) for questions, n in splits))


def rank_samples(
    assistant: Assistant, questions: Sequence[Question], n_questions: int, seed: int
) -> list[PreferencePair]:
    """Make the pairs of one split; a question whose answers all tie gives no pair."""
    generator = random.Random(seed)
    chosen = generator.sample(list(questions), min(n_questions, len(questions)))
    prompts = [single_turn_prompt(each.question) for each in chosen for _ in range(N_ANSWERS)]
    answers = generate_answers(assistant, prompts, temperature=1.0, seed=seed)
    pairs = []
    for number, question in enumerate(chosen):
        group = answers[number * N_ANSWERS : (number + 1) * N_ANSWERS]
        candidates = [each for each in group if each.text]
        if candidates:
            truncated = truncated_answer(candidates[0].text, generator)
            candidates.append(ModelAnswer(truncated, stopped=True))
        texts, stopped = [each.text for each in candidates], [each.stopped for each in candidates]
        pairs += preferences_by_rule(question, texts, stopped)
    return [as_preference_pair(each) for each in pairs]


def truncated_answer(text: str, generator: random.Random) -> str:
    """Make a sentence of the first word or two."""
    return join_sentence([" ".join(text.split()[: generator.randint(1, 2)]).rstrip(".")])
