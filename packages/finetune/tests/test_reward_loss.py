import math

import pytest
import torch
from torch import tensor

from finetune.reward.loss import bradley_terry_loss, reward_loss
from finetune.reward.scorer import Scorer
from gpt.errors import BadInput
from gpt.model.config import GPTConfig
from gpt.policy.rows import Rows, pad_examples, prompt_answer_example
from gpt.training.loop import LoopConfig, train

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32)
CHOSEN = [
    prompt_answer_example([1, 2], [3, 4, 5]),
    prompt_answer_example([6], [7]),
    prompt_answer_example([8, 9], [2, 2]),
]
REJECTED = [
    prompt_answer_example([1, 2], [3]),
    prompt_answer_example([6], [8, 9, 9, 9]),
    prompt_answer_example([8, 9], [4, 2]),
]


def scorer():
    model = Scorer(NANO).double()
    torch.nn.init.normal_(model.score.weight)
    return model


@pytest.mark.parametrize(
    ("chosen", "rejected", "loss"),
    [
        ([1.0], [1.0], math.log(2)),  # no opinion
        ([math.log(3)], [0.0], math.log(4 / 3)),  # three to one for the chosen answer
        ([0.0], [math.log(3)], math.log(4)),  # three to one against it
        ([0.0, 5.0], [0.0, 5.0 - math.log(3)], (math.log(2) + math.log(4 / 3)) / 2),
    ],
)
def test_a_table_by_hand(chosen, rejected, loss):
    found = bradley_terry_loss(tensor(chosen), tensor(rejected))
    torch.testing.assert_close(found, tensor(loss))


def test_only_the_difference_counts():
    chosen, rejected = torch.randn(2, 6, dtype=torch.float64)
    found = bradley_terry_loss(chosen + 7, rejected + 7)
    torch.testing.assert_close(found, bradley_terry_loss(chosen, rejected), rtol=0, atol=1e-12)


def test_a_score_moves_by_the_probability_of_being_wrong():
    chosen, rejected = tensor([0.0], requires_grad=True), tensor([math.log(3)], requires_grad=True)
    bradley_terry_loss(chosen, rejected).backward()
    torch.testing.assert_close(chosen.grad, tensor([-0.75]))
    torch.testing.assert_close(rejected.grad, tensor([0.75]))


def test_the_loss_of_a_batch_is_the_sum_of_its_pairs_losses():
    model = scorer()
    total, terms = reward_loss(model, pad_examples(CHOSEN + REJECTED))
    alone = [
        reward_loss(model, pad_examples([*pair])) for pair in zip(CHOSEN, REJECTED, strict=True)
    ]
    torch.testing.assert_close(total, sum(part.total for part in alone), rtol=0, atol=1e-12)
    assert terms == sum(part.terms for part in alone) == 3


def test_the_upper_half_of_the_rows_is_the_chosen_one():
    def model(tokens, lengths):
        return lengths.float()  # the longer the better

    long, short = prompt_answer_example([1], [2, 3]), prompt_answer_example([1], [2])
    torch.testing.assert_close(
        reward_loss(model, pad_examples([long, short])).total, tensor(math.log1p(math.exp(-1)))
    )
    torch.testing.assert_close(
        reward_loss(model, pad_examples([short, long])).total, tensor(math.log1p(math.exp(1)))
    )


def test_an_odd_number_of_rows_is_refused():
    rows = Rows(torch.zeros(3, 2, dtype=torch.long), torch.ones(3, 2).bool(), torch.ones(3).long())
    with pytest.raises(BadInput, match="3 rows cannot be pairs"):
        reward_loss(scorer(), rows)


def test_three_preferences_are_learned_by_heart():
    rows, model = pad_examples(CHOSEN + REJECTED), Scorer(NANO)
    config = LoopConfig(steps=40, learning_rate=1e-2, weight_decay=0.0, warmup_ratio=0.0)
    records = list(train(model, lambda step: [rows], reward_loss, config))
    assert records[0].loss == pytest.approx(math.log(2), abs=1e-6)  # all scores begin at zero
    assert records[-1].loss < 0.01
    chosen, rejected = model(rows.tokens, rows.lengths).chunk(2)
    assert (chosen > rejected).all()


@pytest.mark.parametrize("lengths", [[4, 0], [4, 5]])
def test_a_length_outside_of_the_text_is_refused(lengths):
    with pytest.raises(
        BadInput, match=f"lengths must lie in 1 to 4, got .{lengths[0]}, {lengths[1]}"
    ):
        Scorer(NANO)(torch.ones(2, 4, dtype=torch.long), torch.tensor(lengths))
