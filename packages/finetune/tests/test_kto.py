"""KTO: the value of single answers, and batches that combine prompts with others' answers."""

import math

import pytest
import torch

from finetune.dpo.kto import kto_loss, reference_point
from finetune.dpo.training import sequence_logprobs
from finetune.dpo.unpaired import (
    KTOHyperparameters,
    LabelledAnswer,
    kto_batch_loss,
    labelled_batch,
    labelled_batches,
    train_kto,
)
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.policy.policy import Policy, make_reference
from gpt.policy.rows import EpochSampler
from gpt.training.loop import LoopConfig

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


def test_far_from_the_reference_point_gradients_vanish():
    ratio = double(0, 60, -60).requires_grad_()
    kto_loss(ratio, torch.tensor([True] * 3), double(0)[0], beta=0.5).backward()
    near, above, below = ratio.grad.abs().tolist()
    assert max(above, below) < 1e-9 < near


def test_with_a_tiny_beta_all_answers_have_half_the_value():
    loss = kto_loss(double(9, -30), torch.tensor([True, False]), double(1)[0], beta=1e-12)
    assert loss.item() == pytest.approx(0.5)


def test_each_prompt_is_combined_with_the_answer_of_the_row_before():
    batch = labelled_batch(DATA, [2, 0])
    assert batch.matched.tokens.tolist() == [[9, 10, 11, 12], [1, 2, 3, 4]]
    assert batch.mismatched.tokens.tolist() == [
        [9, 10, 11, 6, 7, 8],  # the answer of row 1
        [1, 2, 12, 0, 0, 0],  # the answer of the last row
    ]
    assert batch.matched.mask.sum(1).tolist() == [1, 2]
    assert batch.mismatched.mask.sum(1).tolist() == [3, 1]
    assert batch.desirable.tolist() == [True, True]


def test_a_step_takes_the_rows_of_the_epoch_in_micro_batches():
    epochs = EpochSampler(3, 3, seed=0)
    first, second = labelled_batches(DATA, epochs, 2, CPU)(0)
    order = epochs(0)
    assert torch.cat([first.desirable, second.desirable]).tolist() == [
        DATA[row].desirable for row in order
    ]
    assert torch.equal(first.matched.tokens, labelled_batch(DATA, order[:2]).matched.tokens)
    assert torch.equal(second.mismatched.tokens, labelled_batch(DATA, order[2:]).mismatched.tokens)


def test_an_answer_to_the_same_prompt_is_not_used_as_mismatched():
    data = [*DATA, DATA[2]._replace(answer=[13, 14])]
    batch = labelled_batch(data, [3])
    assert batch.matched.tokens.tolist() == [[9, 10, 11, 13, 14]]
    assert batch.mismatched.tokens.tolist() == [[9, 10, 11, 6, 7, 8]]
    assert labelled_batch(data, [0]).mismatched.tokens.tolist() == [[1, 2, 13, 14]]


@pytest.mark.parametrize("data", [[], DATA[:1], DATA[:1] * 3])
def test_a_single_prompt_has_no_mismatched_answers(data):
    with pytest.raises(BadInput, match=f"other prompts, and there are {min(len(data), 1)}"):
        labelled_batches(data, EpochSampler(1, 1, 0), 1, CPU)


@pytest.mark.parametrize(("bad", "what"), [(([], [1]), "prompt"), (([1], []), "answer")])
def test_empty_prompts_and_answers_are_refused(bad, what):
    data = [*DATA, LabelledAnswer(*bad, True)]
    with pytest.raises(BadInput, match=f"row 3 has an empty {what}"):
        labelled_batches(data, EpochSampler(4, 1, 0), 1, CPU)


def test_an_order_for_other_data_is_refused():
    with pytest.raises(BadInput, match="an order of 4 rows is not for 3 answers"):
        labelled_batches(DATA, EpochSampler(4, 1, 0), 1, CPU)


@pytest.mark.parametrize("name", ["beta", "desirable_weight", "undesirable_weight"])
def test_hyperparameters_must_be_positive(name):
    model, batches = policy(), labelled_batches(DATA, EpochSampler(3, 3, 0), 3, CPU)
    kto = KTOHyperparameters(**{name: 0.0})
    with pytest.raises(BadInput, match=f"{name} must be a positive number, got 0"):
        next(train_kto(model, make_reference(model), batches, LoopConfig(steps=1), kto))


def reference_sums(model, batch):
    with torch.no_grad():
        return [sequence_logprobs(model, rows) for rows in (batch.matched, batch.mismatched)]


def test_the_first_loss_is_one_half_in_either_mode():
    model, batches = policy(), labelled_batches(DATA, EpochSampler(3, 3, 0), 3, CPU)
    [batch] = batches(0)
    for mode in (True, False):
        sums = reference_sums(make_reference(model), batch)
        total, terms = kto_batch_loss(model.train(mode), batch, *sums)
        assert total.item() == pytest.approx(3 / 2, abs=1e-12) and terms == 3


def test_the_loss_by_hand_from_the_scores_of_the_model():
    model, [batch] = policy().eval(), labelled_batches(DATA, EpochSampler(3, 3, 0), 3, CPU)(0)
    matched, mismatched = (each + 40 for each in reference_sums(model, batch))
    forty_below = torch.full((3,), -40.0).double()
    point = mismatched.mean()
    assert point > 0
    sign = torch.where(batch.desirable, 1, -1)
    expected = (1 - torch.sigmoid(0.2 * sign * (matched - point))).sum()
    kto = KTOHyperparameters(beta=0.2)
    loss = kto_batch_loss(model, batch, forty_below, forty_below, kto).total
    torch.testing.assert_close(loss.detach(), expected)


def test_kto_separates_good_from_bad_answers():
    torch.manual_seed(0)
    model = Policy(NANO)
    reference, batches = (
        make_reference(model),
        labelled_batches(DATA, EpochSampler(3, 3, 0), 3, CPU),
    )
    config, kto = LoopConfig(steps=60, learning_rate=1e-2), KTOHyperparameters(beta=0.5)
    losses = [record.loss for record in train_kto(model, reference, batches, config, kto)]
    assert losses[0] == pytest.approx(0.5, abs=1e-6)
    batch = labelled_batch(DATA, [0, 1, 2])
    after, before = reference_sums(model, batch)[0], reference_sums(reference, batch)[0]
    good, bad, better = (after - before).tolist()
    assert losses[-1] < 0.3 and good > 1 and better > 1 and bad < -1
