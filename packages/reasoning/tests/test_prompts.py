from reasoning.prompting.prompts import DIRECT, STEP_BY_STEP, few_shot_messages
from reasoning.tasks.word_problems import WordProblem

EXAMPLE = WordProblem("Mia has 2 eggs and finds 3.", ("Mia has 2 + 3 = 5 eggs.",), 5)


def test_a_prompt_without_examples_is_one_message():
    assert few_shot_messages("How many?", [], DIRECT) == [
        {"role": "user", "content": f"How many? {DIRECT.instruction}"}
    ]


def test_examples_are_messages_before_the_question_and_only_one_style_shows_steps():
    direct = few_shot_messages("How many?", [EXAMPLE] * 2, DIRECT)
    steps = few_shot_messages("How many?", [EXAMPLE] * 2, STEP_BY_STEP)
    roles = ["user", "assistant", "user", "assistant", "user"]
    assert [message["role"] for message in direct] == roles
    assert [message["role"] for message in steps] == roles
    assert direct[1]["content"] == "5"
    assert steps[1]["content"] == "Mia has 2 + 3 = 5 eggs. The answer is 5."
    assert steps[4]["content"] == f"How many? {STEP_BY_STEP.instruction}"
