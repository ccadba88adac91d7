import pytest

from finetune.data.conversations import asked
from finetune.data.docstrings import Question
from finetune.evaluation.intervals import wilson
from finetune.training.asking import Answered, Asked
from finetune.training.report import answers_report, print_answers, won

QUESTION = Question(
    "builtins", "list.sort", "method", "What does `list.sort` do?", "Sort the list in place."
)
ITEM = Asked(asked(QUESTION.question), QUESTION.answer, QUESTION)
GOOD = Answered("Sort the items of it.", True)  # passes all four checks
CUT = Answered("Sort the items of it.", False)  # not by itself


def test_wins_losses_and_ties_by_the_rule():
    found = won([ITEM] * 4, [GOOD, GOOD, CUT, CUT], [CUT, CUT, GOOD, CUT])
    assert (found["wins"], found["losses"], found["ties"]) == (2, 1, 1)
    assert found["rate"] == list(wilson(2.5 / 4, 4))
    assert found["p"] == 1  # two to one is nothing


def test_elsewhere_the_words_of_the_reference_are_counted():
    item = Asked(asked("Spell 1."), "It is one.")
    found = won([item], [Answered("It is one.", False)], [Answered("It is two.", True)])
    assert (found["wins"], found["losses"], found["ties"]) == (1, 0, 0)


def test_a_model_ties_with_itself_and_the_report_says_so(home, capsys):
    base = str(home / "runs" / "base")
    found = answers_report({"a": base, "b": base}, [ITEM] * 3, shown=1, rival="a")
    assert list(found["wins"]) == ["b"]
    assert found["wins"]["b"]["ties"] == 3
    assert found["wins"]["b"]["rate"][0] == pytest.approx(0.5)
    print_answers(found)
    assert "b against a: 0 won, 0 lost, 3 tied; 0.50 (" in capsys.readouterr().out


def test_without_a_rival_nobody_wins(home):
    found = answers_report({"a": str(home / "runs" / "base")}, [ITEM], shown=0)
    assert found["wins"] == {}
    assert found["samples"] == []
