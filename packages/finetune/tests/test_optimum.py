import math
from dataclasses import replace

import pytest
import torch

from finetune.dpo.losses import dpo_loss
from finetune.optimum import experiment, sums
from finetune.optimum.enumeration import EnumeratedAnswer, answer_logprobs, enumerate_answers
from finetune.optimum.frontier import best_policy, best_reward_at, exact_point, frontier_points
from gpt.generation.generate import generate_batch
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

SHAPE = GPTConfig(vocab_size=4, context=8, n_layers=1, n_heads=2, d_model=8, d_ff=16)


def bold_model():
    model = GPT(SHAPE)
    torch.nn.init.normal_(model.embedding.weight)  # probabilities far from 1/4
    return model.eval()


def test_answers_of_two_tokens_by_hand():
    # tokens 0 and 1, and 2 to stop
    assert enumerate_answers(vocab_size=3, room=2, stop=2) == [
        EnumeratedAnswer((), True),
        EnumeratedAnswer((0, 0), False),
        EnumeratedAnswer((0, 1), False),
        EnumeratedAnswer((0,), True),
        EnumeratedAnswer((1, 0), False),
        EnumeratedAnswer((1, 1), False),
        EnumeratedAnswer((1,), True),
    ]
    assert len(enumerate_answers(13, room=3, stop=12)) == 1885


@pytest.mark.parametrize("room", [1, 2, 3])
def test_probabilities_of_all_answers_add_up_and_equal_those_of_single_passes(room):
    model, prompt, stop = bold_model(), [1, 0], 3
    logprobs = answer_logprobs(model, [prompt], room, stop)[0]
    assert logprobs.exp().sum().item() == pytest.approx(1, abs=1e-6)
    for answer, ours in zip(enumerate_answers(4, room, stop), logprobs.tolist(), strict=True):
        tokens = [*answer.tokens, *[stop] * answer.stopped]
        steps = model(torch.tensor([prompt + tokens]))[0].log_softmax(-1)
        alone = sum(steps[len(prompt) - 1 + i, token].item() for i, token in enumerate(tokens))
        assert ours == pytest.approx(alone, abs=1e-5)


def test_sampled_answers_have_these_probabilities():
    model, n = bold_model(), 4000
    from functools import partial

    from gpt.generation.sampling import sample_token

    choice = partial(sample_token, generator=torch.Generator().manual_seed(0))
    drawn = generate_batch(model, [[1, 0]] * n, 2, choice, frozenset({3}))
    exact = answer_logprobs(model, [[1, 0]], 2, 3)[0].exp()
    for answer, p in zip(enumerate_answers(4, 2, 3), exact.tolist(), strict=True):
        share = sum(tuple(each) == answer.tokens for each in drawn) / n
        assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / n) + 1e-3


def test_the_best_policy_of_three_answers_by_hand():
    # probabilities 1/2, 1/4, 1/4 and rewards 0, 0, ln 3: with beta 1 the third weighs three times
    reference = torch.tensor([[0.5, 0.25, 0.25]]).double().log()
    rewards = torch.tensor([[0.0, 0.0, math.log(3)]]).double()
    best = best_policy(reference, rewards, beta=1.0)
    torch.testing.assert_close(best.exp(), torch.tensor([[2.0, 1, 3]]).double() / 6)
    point = exact_point(best, reference, rewards)
    assert point.reward == pytest.approx(math.log(3) / 2)
    assert point.kl == pytest.approx(0.5 * math.log(2 / 3) + 0.5 * math.log(2))


def test_the_frontier_starts_at_the_reference_and_no_other_policy_lies_above_it():
    reference, rewards = torch.randn(5, 6).double().log_softmax(-1), torch.rand(5, 6).double()
    far, near = frontier_points(reference, rewards, [1e-3, 1e3])
    assert near.kl == pytest.approx(0, abs=1e-6)
    assert near.reward == pytest.approx((reference.exp() * rewards).sum(-1).mean().item(), abs=1e-3)
    assert far.reward == pytest.approx(rewards.amax(-1).mean().item(), abs=1e-6)
    for _ in range(50):
        other = (reference + torch.randn(5, 6).double()).log_softmax(-1)
        point = exact_point(other, reference, rewards)
        assert point.reward < best_reward_at(point.kl, reference, rewards)


def test_an_answer_with_probability_zero_adds_nothing_to_the_kl():
    policy = torch.tensor([[0.0, -math.inf]])
    reference = torch.tensor([[0.5, 0.5]]).log()
    assert exact_point(policy, reference, torch.ones(1, 2)).kl == pytest.approx(math.log(2))


def margin_grown_by(growth, loss, beta):
    """The loss, and its slope, of a pair whose margin has grown."""
    margin = torch.tensor([growth], dtype=torch.float64, requires_grad=True)
    value = loss(margin, torch.zeros(1, dtype=torch.float64), beta)
    [slope] = torch.autograd.grad(value, margin)
    return value.item(), slope.item()


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_readers_who_err_aim_at_the_best_policy_and_readers_who_do_not_at_none(beta):
    reference = torch.tensor([[0.5, 0.3, 0.2]]).double().log()
    rewards = torch.tensor([[0.0, 1, 0]]).double()
    ratio = best_policy(reference, rewards, beta) - reference
    grown = (ratio[0, 1] - ratio[0, 0]).item()
    assert grown == pytest.approx(1 / beta)
    assert margin_grown_by(grown, experiment.noisy_preference_loss, beta)[1] == pytest.approx(
        0, abs=1e-9
    )
    assert margin_grown_by(grown, dpo_loss, beta)[1] < -0.1 * beta
    # 73 of 100 readers prefer the right answer: sigmoid(1)
    loss, _ = margin_grown_by(grown, experiment.noisy_preference_loss, beta)
    share = 1 / (1 + math.exp(-1))
    expected = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert loss == pytest.approx(expected)


QUESTIONS = ["0+0=", "10+5=", "29+9="]


@pytest.fixture(scope="module")
def made():
    """A world of three questions."""
    return experiment.prepare_experiment(0, replace(experiment.IMITATION_LOOP, steps=30), QUESTIONS)


def test_the_reward_of_every_answer_is_in_the_table(made):
    answers = enumerate_answers(13, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    assert made.rewards.sum(dim=1).tolist() == [1, 1, 1]  # one right answer a question
    right = [answers[n].tokens for n in made.rewards.argmax(dim=1)]
    texts = [sums.TOKENIZER.decode_bytes(list(each)).decode() for each in right]
    assert texts == ["0", "15", "38"]


def test_the_imitator_stands_where_the_frontier_begins(made):
    point = experiment.policy_point(made, made.imitator)
    assert point.kl == pytest.approx(0, abs=1e-9)
    assert point.reward == pytest.approx((made.reference.exp() * made.rewards).sum(1).mean().item())


def test_sampled_pairs_hold_the_right_answer_and_a_wrong_one(made):
    pairs = experiment.sample_imitator_pairs(made, 40, seed=0)
    assert pairs
    for pair in pairs:
        question = sums.TOKENIZER.decode_bytes(pair.prompt).decode()
        right = [*sums.TOKENIZER.encode(sums.right_answer(question)), sums.STOP_TOKEN]
        assert pair.chosen == right != pair.rejected


def test_both_methods_raise_the_exact_reward_and_stay_below_the_frontier(made):
    begun = experiment.policy_point(made, made.imitator)
    pairs = experiment.sample_imitator_pairs(made, 200, seed=0)
    steps = replace(experiment.PREFERENCE_LOOP, steps=15)
    small = replace(experiment.SUMS_PPO, n_phases=8, prompts_per_phase=48)
    policies = [
        experiment.train_dpo_on_sums(made, pairs, beta=0.5, loop=steps),
        experiment.train_ppo_on_sums(made, beta=0.5, config=small),
    ]
    for policy in policies:
        point = experiment.policy_point(made, policy)
        assert point.reward > begun.reward + 0.1
        assert point.reward < best_reward_at(point.kl, made.reference, made.rewards)
    assert experiment.policy_point(made, made.imitator) == begun  # a copy was trained


def test_a_sum_is_right_only_when_it_stops():
    assert sums.sum_reward("17+5=", "22", stopped=True) == 1
    assert sums.sum_reward("17+5=", "22", stopped=False) == 0
    assert sums.sum_reward("17+5=", "022", stopped=True) == 0
    assert len(sums.QUESTIONS) == 100


def test_half_of_the_demonstrations_are_right_and_all_end_with_the_stop_token():
    examples = sums.demonstrations(sums.QUESTIONS, n_each=10, seed=0)
    assert examples == sums.demonstrations(sums.QUESTIONS, n_each=10, seed=0)
    assert {example.tokens[-1] for example in examples} == {sums.STOP_TOKEN}
    texts = [sums.TOKENIZER.decode_bytes(example.tokens[:-1]).decode() for example in examples]
    right = sum(
        text.endswith("=" + sums.right_answer(text[: text.index("=") + 1])) for text in texts
    )
    assert right / len(texts) == pytest.approx(0.5, abs=0.04)
