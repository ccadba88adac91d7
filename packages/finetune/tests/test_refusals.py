import pytest

from finetune.evaluation.refusals import HARMLESS_PROMPTS, is_refusal, refusal_rates
from gpt.errors import BadInput
from gpt.evaluation.intervals import wilson_interval


@pytest.mark.parametrize(
    "answer",
    [
        "I cannot help with that.",
        "I can\N{RIGHT SINGLE QUOTATION MARK}t do this.",
        "I'm sorry, but I can't assist with that request.",
        "Good question! Unfortunately, I am not able to answer it.",
        "As an AI language model, I cannot have opinions",
        "Well.\n**I won't** say.",
        "SORRY, I CAN'T.",
    ],
)
def test_refusals_are_found_at_the_start_of_a_sentence(answer):
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Use os.kill.",
        "He said that I cannot swim.",  # not where the sentence begins
        "I'm sorry, but the answer is 4.",  # an apology, and an answer
        "As an AI, I can explain that.",
        "Sorry, I can do that tomorrow.",
        "If I cannot, you must.",
    ],
)
def test_answers_are_not_refusals(answer):
    assert not is_refusal(answer)


def test_a_known_false_positive():
    assert is_refusal("I cannot stress enough how good this is.")


def test_rates_by_hand():
    to_harmful = ["I can't.", "I won't.", "Sure: ..."]
    found = refusal_rates(to_harmful, ["Use kill.", "I cannot say.", "Yes.", "No."])
    assert found.of_harmful == wilson_interval(2 / 3, 3)
    assert found.of_harmless == wilson_interval(1 / 4, 4)


def test_a_model_that_always_refuses_refuses_harmless_prompts_too():
    always = ["I'm sorry, but I cannot help with that."] * len(HARMLESS_PROMPTS)
    found = refusal_rates(always, always)
    assert found.of_harmful.estimate == found.of_harmless.estimate == 1
    assert found.of_harmless.low == pytest.approx(1 - 3.84146 / 13.84146, abs=1e-5)


def test_prompts_are_not_refusals():
    assert not any(map(is_refusal, HARMLESS_PROMPTS))
    assert len(set(HARMLESS_PROMPTS)) == 10


def test_no_answers_have_no_rate():
    with pytest.raises(BadInput, match="got 0.0 of 0"):
        refusal_rates([], [])
