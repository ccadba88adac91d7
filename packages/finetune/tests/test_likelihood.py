import math

import numpy as np
import pytest
import torch

from finetune.evaluation.likelihood import answer_token_losses
from gpt.errors import BadInput
from gpt.evaluation.scores import compute_scores
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rows import pad_examples, prompt_answer_example

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32)
EXAMPLES = [
    prompt_answer_example([1, 2, 3], [4, 5]),
    prompt_answer_example([6], [7, 8, 9, 10, 11]),
    prompt_answer_example([12, 13], [14]),
]


def test_a_uniform_model_has_the_loss_of_a_fair_die():
    policy = Policy(NANO)
    torch.nn.init.zeros_(policy.head_weight)
    found = compute_scores(answer_token_losses(policy, [pad_examples(EXAMPLES)]), 4)
    assert found.loss == pytest.approx(math.log(20))
    assert found.perplexity == pytest.approx(20)
    assert found.bits_per_byte == pytest.approx(8 * math.log2(20) / 4)  # 8 answer tokens


def test_losses_equal_those_of_the_full_table_of_probabilities():
    torch.manual_seed(0)
    model, expected = GPT(NANO).double(), []
    for tokens, mask in EXAMPLES:  # one text at a time, from the full table of probabilities
        p = model(torch.tensor([tokens]))[0].softmax(-1).detach()
        expected += [-math.log(p[t - 1, tokens[t]]) for t in range(len(tokens)) if mask[t]]
    policy = share_layers_as(Policy, model)
    found = answer_token_losses(policy, [pad_examples(EXAMPLES)])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_all_tokens_have_equal_weight_whatever_the_batches():
    policy = Policy(NANO).double()
    torch.nn.init.normal_(policy.embedding.weight)
    whole = answer_token_losses(policy, [pad_examples(EXAMPLES)])
    split = answer_token_losses(
        policy, [pad_examples(EXAMPLES[:1]), pad_examples(EXAMPLES[1:], padding=3)]
    )
    np.testing.assert_allclose(whole, split, rtol=0, atol=1e-12)
    mean_of_means = (whole[:2].mean() + whole[2:].mean()) / 2
    assert split.mean() != pytest.approx(mean_of_means)


def test_the_prompt_is_not_scored_but_affects_the_answer():
    policy = Policy(NANO)
    assert (
        len(answer_token_losses(policy, [pad_examples([prompt_answer_example([1] * 10, [4, 5])])]))
        == 2
    )


def test_dropout_is_off_and_the_training_mode_is_restored():
    policy = Policy(GPTConfig(20, 16, 2, 2, 16, 32, dropout=0.5))
    rows = pad_examples(EXAMPLES)
    np.testing.assert_array_equal(
        answer_token_losses(policy, [rows]), answer_token_losses(policy, [rows])
    )
    assert policy.training
    policy.blocks.eval()
    answer_token_losses(policy, [rows])
    assert policy.training and not policy.blocks.training
    with pytest.raises(KeyError):
        answer_token_losses(policy, (rows if n == 0 else {}[n] for n in range(2)))
    assert policy.training and not policy.blocks.training


def test_no_answers_have_no_score():
    with pytest.raises(BadInput, match="no answers"):
        answer_token_losses(Policy(NANO), [])
