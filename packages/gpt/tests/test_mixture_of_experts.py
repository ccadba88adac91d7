import pytest
import torch
import torch.nn.functional as F

from gpt.architectures.mixture_of_experts import (
    MixtureOfExperts,
    expert_weights,
    load_balancing_loss,
)
from gpt.errors import BadInput


def test_the_weights_of_the_best_experts_by_hand():
    scores = torch.tensor([[1.0, 3.0, 2.0], [4.0, 0.0, 6.0]]).log()  # log 0 is never chosen
    assert torch.allclose(expert_weights(scores, 1), torch.tensor([[0.0, 1, 0], [0, 0, 1]]))
    expected = torch.tensor([[0.0, 0.6, 0.4], [0.4, 0.0, 0.6]])
    torch.testing.assert_close(expert_weights(scores, 2), expected)


@pytest.mark.parametrize("n_active", [1, 2, 4])
def test_the_layer_is_the_weighted_sum_of_all_experts_also_in_gradients(n_active):
    layer, x = MixtureOfExperts(8, 16, 4, n_active), torch.randn(3, 5, 8, requires_grad=True)
    weights = expert_weights(layer.router(x).flatten(0, 1), n_active).view(3, 5, 4)
    dense = sum(weights[..., [e]] * expert(x) for e, expert in enumerate(layer.experts))
    sparse = layer(x)
    torch.testing.assert_close(sparse, dense)
    inputs, upstream = [x, *layer.parameters()], torch.randn_like(x)
    gradients = [
        torch.autograd.grad((y * upstream).sum(), inputs, allow_unused=True)
        for y in (sparse, dense)
    ]
    for mine, expected in zip(*gradients, strict=True):
        zero = torch.zeros_like(expected)  # an expert without tokens has no gradient
        torch.testing.assert_close(zero if mine is None else mine, expected, atol=1e-6, rtol=1e-4)


def test_the_balance_loss_is_1_if_balanced_and_the_number_of_experts_at_worst():
    probabilities, chosen = torch.full((8, 4), 0.25), torch.eye(4).repeat(2, 1).bool()
    assert load_balancing_loss(probabilities, chosen) == 1
    all_to_one = F.one_hot(torch.zeros(8, dtype=torch.long), 4)
    assert load_balancing_loss(all_to_one.float(), all_to_one.bool()) == 4


def test_the_balance_loss_spreads_tokens_over_the_experts():
    layer, x = MixtureOfExperts(8, 16, 4, 1), torch.randn(1, 64, 8) + 1
    layer.router.weight.data[0] += 1  # nearly all tokens prefer expert 0
    layer(x)
    before, optimizer = layer.balance.item(), torch.optim.Adam(layer.router.parameters(), 0.05)
    for _ in range(30):
        optimizer.zero_grad()
        layer(x)
        layer.balance.backward()
        optimizer.step()
    assert before > 2 and layer.balance.item() < 1.6


@pytest.mark.parametrize("n_active", [0, 5])
def test_an_impossible_number_of_experts_is_refused(n_active):
    with pytest.raises(BadInput, match=f"between 1 and 4 experts, got {n_active}"):
        expert_weights(torch.zeros(2, 4), n_active)
