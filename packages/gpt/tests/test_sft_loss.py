import math

import torch

from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rows import Rows, pad_examples, prompt_answer_example
from gpt.training.loop import LoopConfig, train

NANO = GPTConfig(vocab_size=20, context=16, n_layers=2, n_heads=2, d_model=16, d_ff=32)
EXAMPLES = [
    prompt_answer_example([1, 2, 3], [4, 5]),
    prompt_answer_example([6], [7, 8, 9, 0]),
    prompt_answer_example([1], [2]),
]


def test_a_table_by_hand():
    # the probabilities 1/2, 1/4 and 1/8 of three answer tokens: ln 2 + ln 4 + ln 8 = 6 ln 2
    logprobs = torch.tensor([[0.0, 0.5], [0.25, 0.125]]).log().nan_to_num(neginf=0.0)
    mask = torch.tensor([[False, False, True], [False, True, True]])
    rows = Rows(torch.zeros(2, 3, dtype=torch.long), mask, torch.tensor([3, 3]))
    total, terms = sft_loss(lambda tokens, mask: logprobs, rows)
    torch.testing.assert_close(total, torch.tensor(6 * math.log(2)))
    assert terms == 3


def test_it_is_the_cross_entropy_of_the_answer_tokens():
    model, rows = GPT(NANO).double(), pad_examples(EXAMPLES)
    expected, n_tokens = 0.0, 0
    for tokens, mask in EXAMPLES:
        scores = model(torch.tensor([tokens]))[0].log_softmax(-1)
        for place, counts in enumerate(mask):
            if counts:
                expected -= scores[place - 1, tokens[place]]
                n_tokens += 1
    total, terms = sft_loss(share_layers_as(Policy, model), rows)
    torch.testing.assert_close(total, torch.as_tensor(expected), rtol=0, atol=1e-12)
    assert terms == n_tokens == 7


def test_the_loss_of_a_batch_is_the_sum_of_its_rows_losses():
    policy = share_layers_as(Policy, GPT(NANO).double())
    total, terms = sft_loss(policy, pad_examples(EXAMPLES))
    alone = [sft_loss(policy, pad_examples([example])) for example in EXAMPLES]
    torch.testing.assert_close(total, sum(part.total for part in alone), rtol=0, atol=1e-12)
    assert terms == sum(part.terms for part in alone)


def test_padding_changes_nothing_and_the_last_prompt_token_is_not_scored():
    policy = share_layers_as(Policy, GPT(NANO).double())
    found = [sft_loss(policy, pad_examples(EXAMPLES, padding)).total for padding in (0, 19)]
    assert torch.equal(*found)
    seen = []
    sft_loss(lambda tokens, mask: (seen.append(mask), torch.zeros(3, 4))[1], pad_examples(EXAMPLES))
    assert seen[0][0].tolist() == [False, False, False, True, True]


def test_three_rows_are_learned_by_heart():
    rows, policy = pad_examples(EXAMPLES), share_layers_as(Policy, GPT(NANO))
    config = LoopConfig(steps=100, learning_rate=1e-2, weight_decay=0.0, warmup_ratio=0.0)
    records = list(train(policy, lambda step: [rows], sft_loss, config))
    assert abs(records[0].loss - math.log(20)) < 0.1
    assert records[-1].loss < 0.05
