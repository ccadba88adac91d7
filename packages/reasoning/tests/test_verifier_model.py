import pytest
import torch

from gpt.training.loop import LoopConfig, train
from reasoning.search.state import SearchState
from reasoning.start.shipped import load_start_model
from reasoning.tasks.countdown import Move, Puzzle
from reasoning.verifier.attempts import Attempt
from reasoning.verifier.data import LabelledRows, label_rows, verifier_loss
from reasoning.verifier.labels import StepLabels
from reasoning.verifier.model import as_verifier
from reasoning.verifier.scoring import VerifierValue

PUZZLE = Puzzle((4, 7, 9, 11), 24)
WON, LOST = "7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ;", "7 - 4 = 3 ; 9 * 3 = 27 ; 27 - 11 = 16 ;"
LABELS = [
    StepLabels(Attempt(PUZZLE, WON), [0.75, 1.0, 1.0]),
    StepLabels(Attempt(PUZZLE, LOST), [0.75, 0.0, 0.0]),
]
STATES = [
    SearchState(PUZZLE),
    SearchState(PUZZLE, (Move(7, "-", 4, 3),)),
    SearchState(PUZZLE, (Move(7, "-", 4, 3), Move(11, "*", 3, 33))),
    SearchState(Puzzle((2, 3, 4), 24)),
]


def trained(kind="process", steps=60):
    verifier = as_verifier(load_start_model().model)
    rows = [label_rows(LABELS, kind)]
    config = LoopConfig(steps=steps, learning_rate=3e-3, warmup_ratio=0.0)
    losses = [record.loss for record in train(verifier, lambda _: rows, verifier_loss, config)]
    return verifier.eval(), losses


@pytest.fixture(scope="module")
def value():
    return VerifierValue(trained()[0])


def test_before_training_every_chance_is_one_half():
    value = VerifierValue(as_verifier(load_start_model().model).eval())
    assert value(STATES) == [0.5] * 4


def test_it_learns_the_labels_of_the_steps(value):
    first, second = value.step_scores([each.attempt for each in LABELS])
    assert first == pytest.approx([0.75, 1, 1], abs=0.1)
    assert second == pytest.approx([0.75, 0, 0], abs=0.1)
    assert value(STATES[:1]) == pytest.approx([0.5], abs=0.1)  # one attempt of two wins


def test_the_loss_ends_at_the_entropy_of_the_labels():
    _, losses = trained()
    # ln 2 for each of eight labels; at the end, those of 1/2, 3/4 and 3/4 keep their entropy
    entropy = (2 * 0.6931 + 2 * 0.5623) / 8
    assert losses[0] == pytest.approx(0.6931, abs=1e-4)
    assert entropy < losses[-1] < entropy + 0.05


def test_an_outcome_model_learns_the_end_only():
    _, losses = trained("outcome")
    assert losses[0] == pytest.approx(0.6931, abs=1e-4) and losses[-1] < 0.05


def test_a_state_has_the_score_of_its_step_and_no_later_step_changes_it(value):
    scores = value.step_scores([LABELS[0].attempt])[0]
    assert value(STATES[1:3]) == pytest.approx(scores[:2], abs=1e-5)
    assert value.step_scores([LABELS[0].attempt.prefix(2)])[0] == pytest.approx(
        scores[:2], abs=1e-5
    )


def test_a_batch_of_unequal_states_gives_the_values_of_each_alone(value):
    assert value(STATES) == pytest.approx([value([state])[0] for state in STATES], abs=1e-5)
    assert value([]) == []


def test_the_tokens_that_are_read_are_counted(value):
    before = value.meter.read.total()
    value(STATES)  # 0, 1, 2 and 0 moves: the last move of each is new
    assert value.meter.read.total() - before == 6 + 6
    value.step_scores([LABELS[0].attempt])  # three moves of 6 tokens
    assert value.meter.read.total() - before == 12 + 18


def test_the_loss_is_a_sum_over_the_labels_by_hand():
    class Fixed(torch.nn.Module):
        def forward(self, tokens):
            return torch.zeros(tokens.shape)  # every chance is 1/2

    rows = LabelledRows(
        torch.zeros(1, 3, dtype=torch.long),
        torch.tensor([[True, False, True]]),
        torch.tensor([[0.25, 9.0, 1.0]]),
    )
    total, terms = verifier_loss(Fixed(), rows)
    assert total.item() == pytest.approx(2 * 0.6931, abs=1e-3) and terms == 2
