import pytest
import torch
import torch.nn.functional as F

from gpt.model.gpt import GPT, GPTConfig
from gpt.text.token_files import Batch, micro_batches
from gpt.training.accumulation import LossSum, accumulate_gradient, next_token_loss

NO_SCALE = torch.amp.GradScaler("cpu", enabled=False)


def test_the_mean_of_four_micro_batches_by_hand():
    # losses .5 .7 .3 .6, one term each: the mean is .525, and so is its gradient at w = 1
    w = torch.nn.Parameter(torch.tensor(1.0))
    batches = [0.5, 0.7, 0.3, 0.6]
    mean = accumulate_gradient(None, [w], batches, lambda _, x: LossSum(w * x, 1), NO_SCALE)
    assert mean == pytest.approx(0.525)
    assert float(w.grad) == pytest.approx(0.525)


def test_micro_batches_with_more_terms_weigh_more():
    # 3 terms add up to 6 and 1 term to 10: the mean is 16 / 4 and not (2 + 10) / 2
    w = torch.nn.Parameter(torch.tensor(1.0))
    batches = [(6.0, 3), (10.0, 1)]
    mean = accumulate_gradient(None, [w], batches, lambda _, x: LossSum(w * x[0], x[1]), NO_SCALE)
    assert mean == pytest.approx(4)
    assert float(w.grad) == pytest.approx(4)


def test_a_micro_batch_without_terms_changes_nothing():
    # as if a micro-batch were all padding: no terms, then 3 terms that add up to 6
    w = torch.nn.Parameter(torch.tensor(1.0))
    batches = [(0.0, 0), (6.0, 3)]
    mean = accumulate_gradient(None, [w], batches, lambda _, x: LossSum(w * x[0], x[1]), NO_SCALE)
    assert mean == pytest.approx(2)
    assert float(w.grad) == pytest.approx(2)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7])
def test_the_gradient_equals_that_of_the_full_batch_for_any_size_of_micro_batch(rows):
    torch.manual_seed(0)
    model = GPT(GPTConfig(50, 8, 2, 2, 16, 32)).double()
    parameters = list(model.parameters())
    tokens = torch.randint(0, 50, (7, 9))
    batch = Batch(tokens[:, :-1], tokens[:, 1:])
    loss = F.cross_entropy(model(batch.tokens).flatten(0, 1).float(), batch.targets.flatten())
    expected = torch.autograd.grad(loss, parameters)
    loss = loss.item()
    batches = micro_batches(batch, rows)
    mean = accumulate_gradient(model, parameters, batches, next_token_loss, NO_SCALE)
    assert mean == pytest.approx(loss, rel=1e-6)
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-8)
