import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from gpt.errors import BadInput
from gpt.model.gpt import GPT, GPTConfig
from gpt.model.label_smoothing import smoothed_cross_entropy
from gpt.text.token_files import Batch
from gpt.training.accumulation import next_token_loss, smoothed_next_token_loss
from gpt.training.loop import LoopConfig, train


def test_two_rows_by_hand():
    # p = (1/2, 1/4, 1/8, 1/8), so -ln p = ln 2 (1, 2, 3, 3) with a mean of 2.25 ln 2.
    # With a smoothing of 0.4, target 0 costs 0.6 x 1 + 0.4 x 2.25 = 1.5 ln 2,
    # and target 3 costs 0.6 x 3 + 0.4 x 2.25 = 2.7 ln 2
    logits = torch.tensor([[8.0, 4.0, 2.0, 2.0]] * 2).log()
    loss = smoothed_cross_entropy(logits, torch.tensor([0, 3]), 0.4)
    assert loss.item() == pytest.approx(4.2 * math.log(2))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_it_equals_torch_in_value_and_gradient(smoothing):
    logits = (3 * torch.randn(50, 11, dtype=torch.float64)).requires_grad_()
    targets = torch.randint(0, 11, (50,))
    ours = smoothed_cross_entropy(logits, targets, smoothing)
    theirs = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weight = torch.randn((), dtype=torch.float64)  # a gradient that does not arrive as 1
    (gradient,) = torch.autograd.grad(weight * ours, logits)
    (expected,) = torch.autograd.grad(weight * theirs, logits)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


def test_the_best_prediction_is_the_smoothed_target_itself():
    target, smoothing, n_tokens = torch.tensor([2]), 0.2, 5
    q = torch.full((1, n_tokens), smoothing / n_tokens, dtype=torch.float64)
    q[0, 2] += 1 - smoothing
    best = q.log().requires_grad_()
    loss = smoothed_cross_entropy(best, target, smoothing)
    assert loss.item() == pytest.approx(-(q * q.log()).sum().item())  # the entropy of q
    (gradient,) = torch.autograd.grad(loss, best)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 1.5, math.nan])
def test_a_smoothing_outside_of_0_to_1_is_refused(smoothing):
    with pytest.raises(BadInput, match=r"label smoothing must lie in \[0, 1\), got"):
        smoothed_cross_entropy(torch.zeros(1, 3), torch.tensor([0]), smoothing)


def test_a_model_trained_with_it_stays_unsure():
    tokens = torch.arange(9)[None] % 6
    batch = Batch(tokens[:, :-1], tokens[:, 1:])
    confidence, entropy = {}, {}
    for smoothing in (0.0, 0.3):
        torch.manual_seed(0)
        model = GPT(GPTConfig(6, 8, 1, 2, 16, 32))
        loss = partial(smoothed_next_token_loss, smoothing=smoothing)
        config = LoopConfig(steps=80, learning_rate=1e-2, weight_decay=0.0)
        records = list(train(model, lambda step: [batch], loss, config))
        with torch.no_grad():
            probabilities = model(batch.tokens).softmax(-1)
            plain = next_token_loss(model, batch)
        confidence[smoothing] = probabilities.max(dim=-1).values.mean().item()
        entropy[smoothing] = records[-1].loss
        assert plain.terms == loss(model, batch).terms == 8
    # the target is 1 - 0.3 + 0.3 / 6 = 0.75, and the lowest loss is the entropy of q
    assert confidence[0.0] > 0.98
    assert confidence[0.3] == pytest.approx(0.75, abs=0.05)
    lowest = -0.75 * math.log(0.75) - 5 * 0.05 * math.log(0.05)
    assert lowest - 1e-4 < entropy[0.3] < lowest + 0.05
    assert entropy[0.0] < 0.05
