"""The check of `answer_mask` refuses common mistakes."""

import pytest

from finetune.exercises.check_answer_mask import check
from finetune.exercises.solutions.answer_mask import answer_mask


def without_the_stop(tokens, header, stop):
    mask = answer_mask(tokens, header, stop)
    return [counts and token != stop for token, counts in zip(tokens, mask, strict=True)]


def with_the_header(tokens, header, stop):
    mask = answer_mask(tokens, header, stop)
    starts = [at for at in range(len(tokens)) if tokens[at : at + len(header)] == header]
    inside = {at + n for at in starts for n in range(len(header))}
    return [counts or at in inside for at, counts in enumerate(mask)]


def last_answer_alone(tokens, header, stop):
    starts = [at for at in range(len(tokens)) if tokens[at : at + len(header)] == header]
    begin = starts[-1] + len(header) if starts else len(tokens)
    mask = answer_mask(tokens, header, stop)
    return [counts and at >= begin for at, counts in enumerate(mask)]


def all_behind_the_first_header(tokens, header, stop):
    starts = [at for at in range(len(tokens)) if tokens[at : at + len(header)] == header]
    begin = starts[0] + len(header) if starts else len(tokens)
    return [at >= begin for at in range(len(tokens))]


def every_stop_token(tokens, header, stop):
    mask = answer_mask(tokens, header, stop)
    return [counts or token == stop for token, counts in zip(tokens, mask, strict=True)]


def by_the_last_token_of_the_header(tokens, header, stop):
    return answer_mask(tokens, header[-1:], stop)


def one_place_late(tokens, header, stop):
    return [False, *answer_mask(tokens, header, stop)[:-1]]


def needs_a_stop(tokens, header, stop):
    mask = answer_mask(tokens, header, stop)
    last = max((at for at, token in enumerate(tokens) if token == stop), default=-1)
    return [counts and at <= last for at, counts in enumerate(mask)]


WRONG = [
    without_the_stop,
    with_the_header,
    last_answer_alone,
    all_behind_the_first_header,
    every_stop_token,
    by_the_last_token_of_the_header,
    one_place_late,
    needs_a_stop,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
