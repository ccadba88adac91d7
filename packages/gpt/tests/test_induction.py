"""Induction: sequences as stated, and heads that appear in training, are found, and are needed."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.ablation import ablated
from gpt.inside.head_types import head_scores
from gpt.inside.induction import (
    INDUCTION_LOOP,
    INDUCTION_MODEL,
    RepeatTask,
    repeat_accuracy,
    repeat_loss,
    repeated_sequences,
    seen_before,
    shuffled_sequences,
    train_on_sequences,
)
from gpt.model.gpt import GPT

TASK = RepeatTask()


def seeded_generator(seed):
    return torch.Generator().manual_seed(seed)


def period_of(row):
    """The distance at which a row repeats."""
    return next(n for n in range(1, len(row)) if row[n:] == row[:-n])


def test_rows_of_distinct_tokens_repeat_after_periods_of_every_length():
    tokens = repeated_sequences(TASK, 200, seeded_generator(0))
    rows = tokens.tolist()
    assert tokens.shape == (200, 25) and set(tokens.flatten().tolist()) == set(range(24))
    periods = [period_of(row) for row in rows]
    assert set(periods) == {7, 8, 9, 10, 11, 12}
    assert all(len(set(row)) == n for row, n in zip(rows, periods, strict=True))
    assert len({tuple(row[:7]) for row in rows}) == 200
    assert repeated_sequences(TASK, 200, seeded_generator(0)).tolist() == rows


def test_the_control_has_the_same_tokens_in_every_period_but_in_another_order():
    rows = shuffled_sequences(TASK, 200, seeded_generator(0)).tolist()
    ordered = repeated_sequences(TASK, 200, seeded_generator(0)).tolist()
    repeated_pairs = pairs = 0
    for row, same in zip(rows, ordered, strict=True):
        n = period_of(same)
        first, second = row[:n], row[n : 2 * n]
        assert sorted(first) == sorted(second) == sorted(set(same))
        repeated_pairs += len(set(pairwise(first)) & set(pairwise(second)))
        pairs += n - 1
    assert repeated_pairs / pairs < 0.15  # 1 / n by chance


def test_only_tokens_after_a_token_seen_before_are_scored():
    tokens = torch.tensor([[4, 7, 4, 7, 1], [2, 3, 5, 2, 9]])
    assert seen_before(tokens).tolist() == [
        [False, False, True, True, False],
        [False, False, False, True, False],
    ]
    model = GPT(replace(INDUCTION_MODEL, vocab_size=10))
    for parameter in model.parameters():
        parameter.data.zero_()  # all tokens are equally likely, and argmax takes the first
    loss = repeat_loss(model, tokens)  # of 7 after 4, 1 after 7, and 9 after 2
    assert loss.terms == 3
    torch.testing.assert_close(loss.total.detach(), torch.tensor(3 * math.log(10)))
    assert repeat_accuracy(model, tokens) == 0
    assert repeat_accuracy(model, torch.tensor([[5, 5, 0, 5, 5]])) == pytest.approx(1 / 2)


def test_training_depends_on_the_seed_alone():
    def losses(seed):
        torch.manual_seed(0)
        loop = replace(INDUCTION_LOOP, steps=2, seed=seed)
        model = GPT(INDUCTION_MODEL)
        return [each.loss for each in train_on_sequences(model, repeated_sequences, TASK, loop)]

    assert losses(1) == losses(1) != losses(2)


@pytest.mark.parametrize(
    "sizes",
    [
        {"shortest": 0},
        {"shortest": 9, "longest": 8},
        {"vocab_size": 11},
        {"length": 13},
    ],
    ids=str,
)
def test_sizes_with_which_nothing_can_be_learned_are_refused(sizes):
    with pytest.raises(BadInput, match="need 1 <= shortest <= longest"):
        RepeatTask(**sizes)


def test_sequences_in_which_nothing_repeats_have_no_accuracy():
    with pytest.raises(BadInput, match="no token of these sequences repeats"):
        repeat_accuracy(GPT(INDUCTION_MODEL), torch.arange(20)[None])


def highest_scores(model, tokens):
    """The highest induction score, and all heads above one half."""
    ranked = head_scores(model, tokens).highest("induction")
    return ranked[0][1], [head for head, score in ranked if score > 0.5]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_of_two_layers_grows_induction_heads_that_it_needs(seed):
    torch.manual_seed(seed)
    model = GPT(INDUCTION_MODEL)
    held_out = repeated_sequences(TASK, 64, seeded_generator(10**9))
    assert highest_scores(model, held_out)[0] < 0.2
    loop = replace(INDUCTION_LOOP, seed=seed)
    for record in train_on_sequences(model, repeated_sequences, TASK, loop):
        if record.step % 25 == 0 and repeat_accuracy(model, held_out) > 0.98:
            break
    score, heads = highest_scores(model, held_out)
    accuracy = repeat_accuracy(model, held_out)
    assert score > 0.8 and accuracy > 0.9
    assert {head.layer for head in heads} == {1}
    with ablated(model, heads):
        assert repeat_accuracy(model, held_out) < 0.5
    # without the head of the first layer that finds the token before, they have nothing to find
    previous = head_scores(model, held_out).highest("previous token")[0][0]
    assert previous.layer == 0
    with ablated(model, [previous]):
        assert repeat_accuracy(model, held_out) < 0.5


@pytest.mark.slow
def test_a_model_trained_on_shuffled_repeats_has_no_induction_head():
    torch.manual_seed(0)
    model = GPT(INDUCTION_MODEL)
    loop = replace(INDUCTION_LOOP, steps=400)
    for _ in train_on_sequences(model, shuffled_sequences, TASK, loop):
        pass
    ordered = repeated_sequences(TASK, 64, seeded_generator(10**9))
    assert highest_scores(model, ordered)[0] < 0.2
    assert repeat_accuracy(model, ordered) < 0.3
