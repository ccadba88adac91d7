"""KTO: the value of single answers, and the batches that lend answers to other prompts."""

import math

import pytest
import torch

from finetune.conversations.rows import EpochSampler
from finetune.dpo.kto import kto_loss, reference_point
from finetune.dpo.pairs import TokenPair
from finetune.dpo.training import reference_logprobs
from finetune.dpo.unpaired import (
    KTOLoss,
    LabelledAnswer,
    labelled_answers,
    labelled_batches,
    matched_and_mismatched_rows,
)
from finetune.sft.policy import Policy
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.training.loop import LoopConfig, train

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32, dropout=0.5)
CPU = torch.device("cpu")
DATA = [
    LabelledAnswer([1, 2], [3, 4], True),
    LabelledAnswer([5], [6, 7, 8], False),
    LabelledAnswer([9, 10, 11], [12], True),
]


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def policy():
    torch.manual_seed(0)
    return Policy(NANO).double()


def test_the_reference_point_is_a_mean_that_is_never_negative():
    moved = double(-4, -7).requires_grad_()
    point = reference_point(moved, double(-5, -9))
    assert point.item() == 1.5
    assert not point.requires_grad
    assert reference_point(double(-5, -9), double(-4, -7)).item() == 0


def test_a_loss_by_hand():
    # beta (r - z) is 0.5 (5 - 1) = 2 for the good answer, whose value is sigmoid(2) = .8808;
    # beta (z - r) is 0.5 (1 - 3) = -1 for the bad one: sigmoid(-1) = .2689.
    loss = kto_loss(double(5, 3), torch.tensor([True, False]), double(1)[0], 0.5, 2.0, 1.0)
    assert loss.item() == pytest.approx((2 * (1 - 0.88079708) + (1 - 0.26894142)) / 2)


def test_an_untouched_policy_has_half_the_value_of_every_answer():
    desirable = torch.tensor([True, False, True, True])
    zero = torch.zeros(4, dtype=torch.float64)
    loss = kto_loss(zero, desirable, zero[0], 0.1, 1.0, 3.0)
    assert loss.item() == pytest.approx((3 * 1 + 3) / 4 / 2)


def test_good_answers_are_pulled_up_and_bad_ones_down_by_the_slope_of_the_sigmoid():
    ratio = double(2, 2).requires_grad_()
    kto_loss(ratio, torch.tensor([True, False]), double(0)[0], beta=0.5).backward()
    slope = 0.5 * math.e / (1 + math.e) ** 2 / 2  # beta s (1 - s) at u = 1, over two answers
    assert ratio.grad.tolist() == pytest.approx([-slope, slope])


def test_what_lies_far_from_the_reference_point_is_hardly_felt():
    ratio = double(0, 60, -60).requires_grad_()
    kto_loss(ratio, torch.tensor([True] * 3), double(0)[0], beta=0.5).backward()
    near, above, below = ratio.grad.abs().tolist()
    assert max(above, below) < 1e-9 < near


def test_a_beta_of_almost_nothing_tells_nothing_apart():
    loss = kto_loss(double(9, -30), torch.tensor([True, False]), double(1)[0], beta=1e-12)
    assert loss.item() == pytest.approx(0.5)


def test_pairs_are_taken_apart():
    assert labelled_answers([TokenPair([1], [2], [3]), TokenPair([4], [5], [6])]) == [
        ([1], [2], True),
        ([4], [5], True),
        ([1], [3], False),
        ([4], [6], False),
    ]


def test_each_prompt_borrows_the_answer_of_the_row_before():
    rows = matched_and_mismatched_rows(DATA, [2, 0])
    assert rows.tokens.tolist() == [
        [9, 10, 11, 12, 0, 0],
        [1, 2, 3, 4, 0, 0],
        [9, 10, 11, 6, 7, 8],  # row 1 lends
        [1, 2, 12, 0, 0, 0],  # the last row lends
    ]
    assert rows.mask.sum(1).tolist() == [1, 2, 3, 1]


def test_a_batch_holds_what_belongs_to_its_rows():
    reference = torch.tensor([[-1.0, -10.0], [-2.0, -20.0], [-3.0, -30.0]])
    epochs = EpochSampler(3, 3, seed=0)
    first, second = labelled_batches(DATA, reference, epochs, 2, CPU)(0)
    order = epochs(0)
    own = torch.cat([first.reference[:2], second.reference[:1]])
    other = torch.cat([first.reference[2:], second.reference[1:]])
    assert own.tolist() == [-1.0 - row for row in order]
    assert other.tolist() == [-10.0 * (1 + row) for row in order]
    assert torch.cat([first.desirable, second.desirable]).tolist() == [
        DATA[row].desirable for row in order
    ]
    assert torch.equal(first.rows.tokens, matched_and_mismatched_rows(DATA, order[:2]).tokens)


def test_an_answer_to_the_same_prompt_is_not_lent():
    data = [*DATA, DATA[2]._replace(answer=[13, 14])]
    assert matched_and_mismatched_rows(data, [3]).tokens.tolist() == [
        [9, 10, 11, 13, 14, 0],
        [9, 10, 11, 6, 7, 8],
    ]
    assert matched_and_mismatched_rows(data, [0]).tokens[1].tolist() == [1, 2, 13, 14]


@pytest.mark.parametrize("data", [[], DATA[:1], DATA[:1] * 3])
def test_a_prompt_alone_has_nobody_to_borrow_from(data):
    with pytest.raises(BadInput, match=f"other prompts, and there are {min(len(data), 1)}"):
        labelled_batches(data, torch.zeros(len(data), 2), EpochSampler(1, 1, 0), 1, CPU)


@pytest.mark.parametrize(("bad", "what"), [(([], [1]), "prompt"), (([1], []), "answer")])
def test_empty_prompts_and_answers_are_refused(bad, what):
    data = [*DATA, LabelledAnswer(*bad, True)]
    with pytest.raises(BadInput, match=f"row 3 has an empty {what}"):
        labelled_batches(data, torch.zeros(4, 2), EpochSampler(4, 1, 0), 1, CPU)


@pytest.mark.parametrize("name", ["beta", "desirable_weight", "undesirable_weight"])
def test_settings_must_be_positive(name):
    with pytest.raises(BadInput, match=f"{name} must be a positive number, got 0"):
        KTOLoss(**{name: 0.0})


def test_the_first_loss_is_one_half_in_either_mode():
    model = policy()
    reference = reference_logprobs(model, [matched_and_mismatched_rows(DATA, [0, 1, 2])])
    [piece] = labelled_batches(DATA, reference, EpochSampler(3, 3, 0), 3, CPU)(0)
    for mode in (True, False):
        total, terms = KTOLoss()(model.train(mode), piece)
        assert total.item() == pytest.approx(3 / 2, abs=1e-12) and terms == 3


def test_the_loss_by_hand_from_the_scores_of_the_model():
    model = policy()
    [piece] = labelled_batches(
        DATA, torch.zeros(3, 2).double() - 40, EpochSampler(3, 3, 0), 3, CPU
    )(0)
    logprobs = model.eval()(piece.rows.tokens, piece.rows.mask).sum(-1) + 40
    point = logprobs[3:].mean()
    assert point > 0
    sign = torch.where(piece.desirable, 1, -1)
    expected = (1 - torch.sigmoid(0.2 * sign * (logprobs[:3] - point))).sum()
    torch.testing.assert_close(KTOLoss(beta=0.2)(model, piece).total, expected)


def test_kto_tells_good_from_bad():
    torch.manual_seed(0)
    model = Policy(NANO)
    reference = reference_logprobs(model, [matched_and_mismatched_rows(DATA, [0, 1, 2])])
    batches = labelled_batches(DATA, reference, EpochSampler(3, 3, 0), 3, CPU)
    config = LoopConfig(steps=60, learning_rate=1e-2)
    losses = [record.loss for record in train(model, batches, KTOLoss(beta=0.5), config)]
    assert losses[0] == pytest.approx(0.5, abs=1e-6)
    after = reference_logprobs(model, [matched_and_mismatched_rows(DATA, [0, 1, 2])]) - reference
    good, bad, better = after[:, 0].tolist()
    assert losses[-1] < 0.3 and good > 1 and better > 1 and bad < -1
