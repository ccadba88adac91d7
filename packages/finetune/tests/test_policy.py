import torch

from finetune.reward.scorer import Scorer, as_scorer
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rows import pad_examples, prompt_answer_example

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32)


def rows():
    return pad_examples(
        [prompt_answer_example([1, 2, 3], [4, 5]), prompt_answer_example([6], [7, 8, 9])]
    )


def test_log_probabilities_are_those_of_the_next_tokens_and_zero_elsewhere():
    model, (tokens, mask, _) = GPT(NANO).double(), rows()
    ours = share_layers_as(Policy, model)(tokens, mask)
    scores = model(tokens)[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(ours, scores * mask[:, 1:], rtol=0, atol=1e-12)
    assert (ours == 0).int().tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]


def test_gradients_flow_from_every_scored_token():
    model, (tokens, mask, _) = GPT(NANO).double(), rows()
    weights = torch.randn(2, 4).double()
    scores = model(tokens)[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    expected = torch.autograd.grad((weights * mask[:, 1:] * scores).sum(), [*model.parameters()])
    policy = share_layers_as(Policy, model)
    ours = torch.autograd.grad((weights * policy(tokens, mask)).sum(), [*policy.parameters()])
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_a_model_of_another_class_shares_the_weights_and_their_names():
    model = GPT(NANO)
    policy = share_layers_as(Policy, model)
    assert [*policy.state_dict()] == [*model.state_dict()]
    pairs = zip(policy.parameters(), model.parameters(), strict=True)
    assert all(a is b for a, b in pairs)


def test_padding_and_batch_size_change_no_score():
    scorer, (tokens, _, lengths) = Scorer(NANO).double(), rows()
    torch.nn.init.normal_(scorer.score.weight)
    together = scorer(tokens, lengths)
    for row, n in enumerate(lengths.tolist()):
        alone = scorer(tokens[row : row + 1, :n], lengths[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-12)
    assert together[0] != together[1]


def test_every_answer_begins_with_the_score_zero():
    tokens, _, lengths = rows()
    assert Scorer(NANO)(tokens, lengths).tolist() == [0, 0]


def test_a_scorer_shares_the_layers_of_its_model_in_their_number_format():
    model, (tokens, _, lengths) = GPT(NANO).double(), rows()
    scorer = as_scorer(model)
    assert scorer.embedding.weight is model.embedding.weight
    assert scorer(tokens, lengths).dtype == torch.float64
    assert scorer(tokens, lengths).tolist() == [0, 0]
