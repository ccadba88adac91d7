"""The check of `ranking_loss` refuses common mistakes."""

import pytest
import torch
import torch.nn.functional as F

from finetune.exercises.check_ranking_loss import check


def differences(scores):
    return scores[:, :, None] - scores[:, None, :]


def pairs(scores):
    above, below = torch.triu_indices(scores.shape[1], scores.shape[1], offset=1)
    return scores[:, above] - scores[:, below]


def neighbours_alone(scores):
    return -F.logsigmoid(scores[:, :-1] - scores[:, 1:]).mean()


def the_best_against_the_rest(scores):
    return -F.logsigmoid(scores[:, :1] - scores[:, 1:]).mean()


def the_best_against_the_worst(scores):
    return -F.logsigmoid(scores[:, 0] - scores[:, -1]).mean()


def every_answer_against_itself_too(scores):
    n = scores.shape[1]
    kept = torch.ones(n, n, dtype=torch.bool).triu()
    return -F.logsigmoid(differences(scores)[:, kept]).mean()


def both_directions(scores):
    kept = ~torch.eye(scores.shape[1], dtype=torch.bool)
    return -F.logsigmoid(differences(scores)[:, kept]).mean()


def upside_down(scores):
    return -F.logsigmoid(-pairs(scores)).mean()


def a_sum_over_the_pairs_of_a_row(scores):
    return -F.logsigmoid(pairs(scores)).sum(-1).mean()


def all_rows_as_one_ranking(scores):
    return -F.logsigmoid(pairs(scores.reshape(1, -1))).mean()


WRONG = [
    neighbours_alone,
    the_best_against_the_rest,
    the_best_against_the_worst,
    every_answer_against_itself_too,
    both_directions,
    upside_down,
    a_sum_over_the_pairs_of_a_row,
    all_rows_as_one_ranking,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
