import pytest
import torch
from torch import tensor

from finetune.ppo.advantages import gae
from finetune.ppo.rewards import last_tokens, penalise_missing_stop, token_rewards
from gpt.errors import BadInput

# three answers: one stopped early, one fills its row, one is a stop token alone
KL = tensor([[2.0, -4.0, 99.0, 99.0], [1.0, 0.0, 0.0, 6.0], [8.0, 99.0, 99.0, 99.0]])
MASK = tensor([[True, True, False, False], [True, True, True, True], [True, False, False, False]])
SCORES = tensor([10.0, 20.0, -30.0])


def test_rewards_by_hand():
    # half of the KL is taken from every token; the score is added to the last
    expected = tensor(
        [[-1.0, 2.0 + 10.0, 0.0, 0.0], [-0.5, 0.0, 0.0, -3.0 + 20.0], [-4.0 - 30.0, 0.0, 0.0, 0.0]]
    )
    torch.testing.assert_close(
        token_rewards(KL, SCORES, MASK, kl_coef=0.5), expected, rtol=0, atol=0
    )


def test_the_score_is_added_to_the_last_token_and_not_to_padding():
    rewards = token_rewards(torch.zeros_like(KL), SCORES, MASK, kl_coef=0.5)
    assert (rewards[~MASK] == 0).all()
    assert rewards.nonzero().tolist() == [[0, 1], [1, 3], [2, 0]]
    assert rewards.sum(1).tolist() == SCORES.tolist()


def test_an_answer_gets_its_score_minus_its_kl_penalty():
    paid = token_rewards(KL, SCORES, MASK, kl_coef=0.25).sum(1)
    assert paid.tolist() == [10 - 0.25 * -2, 20 - 0.25 * 7, -30 - 0.25 * 8]


def test_if_the_critic_predicts_0_the_score_reaches_every_token():
    rewards = token_rewards(torch.zeros_like(KL), SCORES, MASK, kl_coef=0.5)
    advantages = gae(rewards, torch.zeros_like(KL), MASK, gamma=1.0, lam=1.0).advantages
    torch.testing.assert_close(advantages, SCORES[:, None] * MASK, rtol=0, atol=0)


@pytest.mark.parametrize("rubbish", [1e9, torch.inf, torch.nan])
def test_values_on_padding_change_no_number_and_no_gradient(rubbish):
    def computed(filler):
        kl, scores = KL.masked_fill(~MASK, filler).requires_grad_(), SCORES.clone().requires_grad_()
        rewards = token_rewards(kl, scores, MASK, kl_coef=0.5)
        weighted = (rewards * tensor([[1.0, 2.0, 3.0, 4.0]])).sum()
        return [rewards, *torch.autograd.grad(weighted, [kl, scores])]

    for a, b in zip(computed(rubbish), computed(0.0), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_last_tokens_by_hand():
    expected = [[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    assert last_tokens(MASK).int().tolist() == expected


@pytest.mark.parametrize("row", [[0, 0, 0], [0, 1, 1], [1, 0, 1]])
def test_a_row_must_be_an_answer_followed_by_padding(row):
    mask = tensor([[1, 1, 0], row]).bool()
    with pytest.raises(BadInput, match=rf"row 1 must be .* its mask is \[{row[0]}, {row[1]}"):
        last_tokens(mask)


def test_an_answer_that_was_cut_off_is_penalised():
    stopped = tensor([True, False, False])
    assert penalise_missing_stop(SCORES, stopped, 1.5).tolist() == [10.0, 18.5, -31.5]
    assert penalise_missing_stop(SCORES, stopped, 0.0).tolist() == SCORES.tolist()
    for penalty in (-1.0, float("nan")):
        with pytest.raises(BadInput, match=f"penalty must be a number from 0 up, got {penalty}"):
            penalise_missing_stop(SCORES, stopped, penalty)
