import math

import pytest
import torch
import torch.nn.functional as F

from diffusion.clip.loss import (
    chance_loss,
    contrastive_loss,
    has_left_chance,
    matching_pairs,
    sigmoid_loss,
)
from gpt.errors import BadInput

EACH_ITS_OWN = torch.eye(4, dtype=torch.bool)


def test_the_loss_of_equal_scores_is_the_log_of_the_batch_size():
    losses = contrastive_loss(torch.full((4, 4), 3.0), EACH_ITS_OWN)
    torch.testing.assert_close(losses, torch.full((4,), math.log(4)))
    assert chance_loss(4) == math.log(4)


def test_the_loss_of_two_pairs_is_that_of_a_calculation_by_hand():
    scores = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).log().nan_to_num(neginf=-100.0)
    # image 0: caption 0 for sure; image 1 has equal scores; likewise in the other direction
    losses = contrastive_loss(scores, torch.eye(2, dtype=torch.bool))
    torch.testing.assert_close(losses, torch.tensor([0.0, math.log(2)]))


def test_different_captions_give_the_cross_entropy_in_both_directions():
    scores = torch.randn(4, 4)
    own = torch.arange(4)
    expected = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    torch.testing.assert_close(contrastive_loss(scores, EACH_ITS_OWN).mean(), expected)


def test_equal_captions_are_right_answers_for_each_other():
    captions = torch.tensor([[1, 9, 0], [2, 9, 0], [1, 9, 0]])
    matches = matching_pairs(captions)
    assert matches.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    # images 0 and 2 score both copies of their caption alike and nothing else
    scores = torch.where(matches, 100.0, 0.0)
    losses = contrastive_loss(scores, matches)
    torch.testing.assert_close(losses, torch.tensor([math.log(2), 0.0, math.log(2)]))
    # this is the minimum: raising one copy above the other only costs
    preferred = scores.clone()
    preferred[0, 0] += 3
    assert contrastive_loss(preferred, matches)[0] > losses[0] + 0.1
    scores.requires_grad_()
    contrastive_loss(scores, matches).sum().backward()
    assert scores.grad.abs().max() < 1e-6


def test_a_batch_of_one_is_refused():
    with pytest.raises(BadInput, match="needs at least 2 pairs per batch, got 1"):
        contrastive_loss(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool))


def test_the_sigmoid_loss_of_two_pairs_is_that_of_a_calculation_by_hand():
    scores = torch.tensor([[math.log(3), 0.0], [-math.log(3), math.log(7)]])
    # sigmoids of y S: 3/4 and 1/2 for image 0, 3/4 and 7/8 for image 1
    expected = torch.tensor([-math.log(3 / 4 * 1 / 2), -math.log(3 / 4 * 7 / 8)])
    torch.testing.assert_close(sigmoid_loss(scores, torch.eye(2, dtype=torch.bool)), expected)


def test_a_run_at_the_log_of_the_batch_size_has_not_left_chance():
    assert not has_left_chance(4.85, 128)  # ln 128 = 4.852
    assert not has_left_chance(5.2, 128)
    assert has_left_chance(4.5, 128)
