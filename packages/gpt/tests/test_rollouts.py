import math

import pytest
import torch

from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy import rollouts
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rollouts import GumbelSampler, Rollout, align_answers, rollout
from gpt.policy.rows import pad_examples, prompt_answer_example

SHAPE = GPTConfig(vocab_size=6, context=16, n_layers=1, n_heads=2, d_model=8, d_ff=16)
STOP = 5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def bold_model():
    model = GPT(SHAPE)
    torch.nn.init.normal_(model.embedding.weight, std=0.1)
    return model


def test_samples_have_the_probabilities_of_the_softmax():
    scores, n = torch.tensor([0.0, 1.0, -1.0]), 20_000
    counts = GumbelSampler(n, seeded())(scores.expand(n, 3)).bincount(minlength=3)
    for share, p in zip((counts / n).tolist(), scores.softmax(-1).tolist(), strict=True):
        assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / n)


def test_only_an_answer_that_stopped_has_the_stop_token():
    made = rollout(bold_model(), [[1, 2], [3], [0, 1, 2]] * 5, 4, STOP, seeded())
    assert 0 < made.stopped.sum() < 15
    for tokens, mask, length, stopped in zip(*made.rows, made.stopped, strict=True):
        answer = tokens[mask].tolist()
        assert (answer[-1] == STOP) == bool(stopped)
        assert STOP not in answer[:-1]
        assert len(answer) <= 4
        assert mask[length - 1] and not mask[length:].any()


def test_prompts_and_answers_have_no_padding_and_no_stop_token():
    rows = pad_examples(
        [prompt_answer_example([1, 2], [3, STOP]), prompt_answer_example([4], [1, 2, 3])]
    )
    made = Rollout(rows, torch.tensor([True, False]), torch.zeros(2, 3))
    assert made.prompts_and_answers() == [([1, 2], [3]), ([4], [1, 2, 3])]


def test_log_probabilities_of_the_sampling_are_those_of_a_pass_over_the_answers():
    policy = share_layers_as(Policy, bold_model())
    made = rollout(policy, [[1, 2], [3], [0, 1, 2]] * 5, 4, STOP, seeded())
    width = made.logprobs.shape[1]
    with torch.no_grad():
        expected = align_answers(policy(*made.rows[:2]), made.rows, width)
    assert 0 < made.stopped.sum() < 15 and width == 4
    torch.testing.assert_close(made.logprobs, expected, rtol=0, atol=1e-6)


def test_the_same_seed_generates_the_same_answers():
    model, prompts = bold_model(), [[1, 2], [3]]
    once, again, other = (rollout(model, prompts, 8, STOP, seeded(n)) for n in (0, 0, 1))
    assert torch.equal(once.rows.tokens, again.rows.tokens)
    assert once.prompts_and_answers() != other.prompts_and_answers()


def test_two_processes_generate_the_answers_of_one(monkeypatch):
    prompts, model = [[1, 2], [3], [0], [1], [2, 2]], bold_model()
    alone = rollout(model, prompts, 6, STOP, seeded()).prompts_and_answers()
    shares = []
    for rank in range(2):
        monkeypatch.setattr(rollouts, "local_rows", lambda rows, rank=rank: rows[rank::2])
        monkeypatch.setattr(rollouts, "gather_rows", lambda mine, n: shares.append(mine) or mine)
        with pytest.raises(ValueError, match="zip"):  # no other process is there to complete it
            rollout(model, prompts, 6, STOP, seeded())
    tokens = shares[::2]  # the others are log-probabilities
    for number, (_, answer) in enumerate(alone):
        assert tokens[number % 2][number // 2].tolist()[: len(answer)] == answer
