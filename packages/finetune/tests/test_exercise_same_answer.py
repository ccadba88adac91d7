"""The check of `same_answer` refuses common mistakes."""

from collections import Counter

import pytest

from finetune.diagnosis.pitfalls import Finding
from finetune.diagnosis.row_faults import normalise_text
from finetune.exercises.check_same_answer import check
from finetune.exercises.solutions.same_answer import same_answer


def finding(answer, share):
    return Finding("same answer", f"{share:.0%} of the answers are {answer!r}", share)


def top(answers):
    [(answer, times)] = Counter(map(normalise_text, answers)).most_common(1)
    return answer, times / len(answers)


def capitals_count(answers, most=0.3, least=10):
    if len(answers) < max(least, 1):
        return None
    [(answer, times)] = Counter(answers).most_common(1)
    share = times / len(answers)
    return finding(answer, share) if share > most else None


def at_least_in_place_of_more(answers, most=0.3, least=10):
    if len(answers) < max(least, 1):
        return None
    answer, share = top(answers)
    return finding(answer, share) if share >= most else None


def share_of_repeats(answers, most=0.3, least=10):
    if len(answers) < max(least, 1):
        return None
    share = 1 - len(set(map(normalise_text, answers))) / len(answers)
    return finding(top(answers)[0], share) if share > most else None


def a_count_for_a_share(answers, most=0.3, least=10):
    found = same_answer(answers, most, least)
    return found and found._replace(value=found.value * len(answers))


def however_few(answers, most=0.3, least=10):
    if not answers:
        return None
    answer, share = top(answers)
    return finding(answer, share) if share > most else None


def the_first_answer(answers, most=0.3, least=10):
    if len(answers) < max(least, 1):
        return None
    share = sum(normalise_text(each) == normalise_text(answers[0]) for each in answers) / len(
        answers
    )
    return finding(answers[0], share) if share > most else None


def says_not_which(answers, most=0.3, least=10):
    found = same_answer(answers, most, least)
    return found and found._replace(message="many answers are the same")


def always_speaks(answers, most=0.3, least=10):
    return finding(*top(answers)) if answers else None


WRONG = [
    capitals_count,
    at_least_in_place_of_more,
    share_of_repeats,
    a_count_for_a_share,
    however_few,
    the_first_answer,
    says_not_which,
    always_speaks,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
