import math

import pytest
import torch

from finetune.optimum import sums
from finetune.optimum.enumeration import Answer, all_answers, answer_logprobs
from finetune.optimum.frontier import best_policy, best_reward_at, exact_point, frontier
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
    assert all_answers(vocab_size=3, room=2, stop=2) == [
        Answer((), True),
        Answer((0, 0), False),
        Answer((0, 1), False),
        Answer((0,), True),
        Answer((1, 0), False),
        Answer((1, 1), False),
        Answer((1,), True),
    ]
    assert len(all_answers(13, room=3, stop=12)) == 1885


@pytest.mark.parametrize("room", [1, 2, 3])
def test_probabilities_of_all_answers_add_up_and_equal_those_of_single_passes(room):
    model, prompt, stop = bold_model(), [1, 0], 3
    logprobs = answer_logprobs(model, [prompt], room, stop)[0]
    assert logprobs.exp().sum().item() == pytest.approx(1, abs=1e-6)
    for answer, ours in zip(all_answers(4, room, stop), logprobs.tolist(), strict=True):
        tokens = [*answer.tokens, *[stop] * answer.stopped]
        steps = model(torch.tensor([prompt + tokens]))[0].log_softmax(-1)
        alone = sum(steps[len(prompt) - 1 + i, token].item() for i, token in enumerate(tokens))
        assert ours == pytest.approx(alone, abs=1e-5)


def test_sampled_answers_have_these_probabilities():
    model, n = bold_model(), 4000
    from functools import partial

    from gpt.generation.sampling import choose

    choice = partial(choose, generator=torch.Generator().manual_seed(0))
    drawn = generate_batch(model, [[1, 0]] * n, 2, choice, frozenset({3}))
    exact = answer_logprobs(model, [[1, 0]], 2, 3)[0].exp()
    for answer, p in zip(all_answers(4, 2, 3), exact.tolist(), strict=True):
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
    far, near = frontier(reference, rewards, [1e-3, 1e3])
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


def test_a_sum_is_right_only_when_it_stops():
    assert sums.reward("17+5=", "22", stopped=True) == 1
    assert sums.reward("17+5=", "22", stopped=False) == 0
    assert sums.reward("17+5=", "022", stopped=True) == 0
    assert len(sums.QUESTIONS) == 300


def test_half_of_the_demonstrations_are_right_and_all_end_with_the_stop_token():
    examples = sums.demonstrations(sums.QUESTIONS, n_each=10, seed=0)
    assert examples == sums.demonstrations(sums.QUESTIONS, n_each=10, seed=0)
    assert {example.tokens[-1] for example in examples} == {sums.STOP}
    texts = [sums.TOKENIZER.decode_bytes(example.tokens[:-1]).decode() for example in examples]
    right = sum(
        text.endswith("=" + sums.right_answer(text[: text.index("=") + 1])) for text in texts
    )
    assert right / len(texts) == pytest.approx(0.5, abs=0.04)
