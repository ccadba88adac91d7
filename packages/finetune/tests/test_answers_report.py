import pytest

from finetune.assistant.answering import EvaluationItem, ModelAnswer
from finetune.conversations.messages import single_turn_prompt
from finetune.datasets.questions import Question
from finetune.evaluation.answers_report import (
    answers_report,
    judge_name,
    mean_scores,
    print_answers,
    win_summary,
)
from gpt.evaluation.intervals import wilson_interval

QUESTION = Question(
    "builtins", "list.sort", "method", "What does `list.sort` do?", "Sort the list in place."
)
ITEM = EvaluationItem(single_turn_prompt(QUESTION.question), QUESTION.answer, QUESTION)
GOOD = ModelAnswer("Sort the items of it.", True)  # passes all four checks
CUT = ModelAnswer("Sort the items of it.", False)  # does not end by itself


def test_wins_losses_and_ties_by_the_rule():
    found = win_summary([ITEM] * 4, [GOOD, GOOD, CUT, CUT], [CUT, CUT, GOOD, CUT])
    assert (found["wins"], found["losses"], found["ties"]) == (2, 1, 1)
    assert found["rate"] == list(wilson_interval(2.5 / 4, 4))
    assert found["p"] == 1  # two wins to one are not significant


SUMS = [
    EvaluationItem(single_turn_prompt(f"What is {n} + 4?"), f"It is {n + 4}.") for n in range(14)
]
RIGHT = [ModelAnswer(item.answer, True) for item in SUMS]
ALWAYS_11 = [ModelAnswer("It is 11.", True)] * 14
CHATTER = [ModelAnswer("Numbers can be added to numbers.", True)] * 14


def test_one_answer_to_everything_does_not_win_by_shared_words():
    """It is right for one of 14 questions and shares two of three words with the other answers."""
    found = win_summary(SUMS, ALWAYS_11, RIGHT)
    assert (found["wins"], found["losses"], found["ties"]) == (0, 13, 1)
    found = win_summary(SUMS, ALWAYS_11, CHATTER)
    assert (found["wins"], found["losses"], found["ties"]) == (1, 0, 13)
    means = mean_scores(SUMS, ALWAYS_11)
    assert means["exact"][0] == pytest.approx(1 / 14)
    assert means["overlap"][0] == pytest.approx((1 + 13 * 2 / 3) / 14)


def test_a_sign_matters_in_a_short_answer():
    for reference, wrong in (("It is -7.", "It is 7."), ("3.5", "35"), ("x + 1", "x - 1")):
        item = EvaluationItem(single_turn_prompt("What is it?"), reference)
        found = win_summary(
            [item], [ModelAnswer(wrong, True)], [ModelAnswer(reference.upper(), True)]
        )
        assert (found["wins"], found["losses"], found["ties"]) == (0, 1, 0)


def test_answers_to_a_long_reference_are_judged_by_shared_words():
    item = EvaluationItem(
        single_turn_prompt("Why?"), "Light of short waves is scattered more than red light."
    )
    near, far = (
        ModelAnswer("Short waves are scattered more.", True),
        ModelAnswer("Who knows.", True),
    )
    found = win_summary([item], [near], [far])
    assert (found["wins"], found["losses"], found["ties"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("item", "judge"),
    [
        (ITEM, "rule"),
        (EvaluationItem(single_turn_prompt("a"), "one, two, three - the four five."), "exact"),
        (EvaluationItem(single_turn_prompt("a"), "One two three four five six."), "overlap"),
        (EvaluationItem(single_turn_prompt("a"), ""), "exact"),
    ],
)
def test_the_judge_depends_on_the_item(item, judge):
    assert judge_name(item) == judge


def test_the_report_names_the_judges(home, capsys):
    base = str(home / "runs" / "base")
    long = EvaluationItem(
        single_turn_prompt("Why?"), "Light of short waves is scattered more than red light."
    )
    found = answers_report({"a": base, "b": base}, [*SUMS, long], n_samples=0, baseline="a")
    assert found["judges"] == {"exact": 14, "overlap": 1}
    assert list(found["models"]["a"]) == ["model", "stopped", "exact", "overlap"]
    print_answers(found)
    out = capsys.readouterr().out
    assert "won and lost by exact match, where the reference has at most 5 words (14); by" in out
    assert "by words shared with the reference (1)" in out
    assert "exact" in out


def test_a_model_ties_with_itself_and_the_report_says_so(home, capsys):
    base = str(home / "runs" / "base")
    found = answers_report({"a": base, "b": base}, [ITEM] * 3, n_samples=1, baseline="a")
    assert list(found["wins"]) == ["b"]
    assert found["wins"]["b"]["ties"] == 3
    assert found["wins"]["b"]["rate"][0] == pytest.approx(0.5)
    print_answers(found)
    assert "b against a: 0 won, 0 lost, 3 tied; 0.50 (" in capsys.readouterr().out


def test_without_a_baseline_no_wins_are_reported(home):
    found = answers_report({"a": str(home / "runs" / "base")}, [ITEM], n_samples=0)
    assert found["wins"] == {}
    assert found["samples"] == []
