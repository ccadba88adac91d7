"""Head types: patterns written out, scores worked by hand, and heads built to have a type."""

import math

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.ablation import Head
from gpt.inside.head_types import (
    PATTERNS,
    attention_entropy,
    duplicate_token_pattern,
    first_token_pattern,
    head_scores,
    induction_pattern,
    pattern_scores,
    previous_token_pattern,
    repeated_tokens,
)
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT

A, B, C = 0, 1, 2
TEXT = torch.tensor([A, B, A, A, C, B])


def table(pattern):
    return ["".join("x" if each else "." for each in row) for row in pattern.tolist()]


def test_patterns_of_a_text_written_out():
    assert table(previous_token_pattern(TEXT)) == [
        "......",
        "x.....",
        ".x....",
        "..x...",
        "...x..",
        "....x.",
    ]
    assert table(first_token_pattern(TEXT)) == ["......", *["x....."] * 5]
    assert table(duplicate_token_pattern(TEXT)) == [
        "......",
        "......",
        "x.....",
        "x.x...",
        "......",
        ".x....",
    ]
    # after A came B, and after the A before it the query itself; after B came A
    assert table(induction_pattern(TEXT)) == [
        "......",
        "......",
        ".x....",
        ".x.x..",
        "......",
        "..x...",
    ]


@pytest.mark.parametrize("kind", PATTERNS)
def test_a_head_that_follows_the_pattern_scores_one(kind):
    pattern = PATTERNS[kind](TEXT)
    follows = pattern / pattern.sum(dim=-1, keepdim=True).clamp(min=1)
    follows[pattern.sum(dim=-1) == 0, 0] = 1.0  # queries without a key attend somewhere
    uniform = torch.ones(6, 6).tril() / torch.arange(1, 7)[:, None]
    maps = torch.stack([follows, uniform])[None, None]  # one layer, one text, two heads
    scores = pattern_scores(maps, pattern[None])
    assert scores.shape == (1, 2)
    torch.testing.assert_close(scores[0, 0], torch.tensor(1.0))
    share = {"previous token": 1 / 5 * (1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6)}
    share["first token"] = share["previous token"]
    share["duplicate token"] = (1 / 3 + 2 / 4 + 1 / 6) / 3
    share["induction"] = (1 / 3 + 2 / 4 + 1 / 6) / 3
    torch.testing.assert_close(scores[0, 1], torch.tensor(share[kind]))


def test_scores_are_a_mean_over_the_queries_of_all_texts():
    tokens = torch.tensor([[A, A, B, C], [A, B, C, A]])  # one query with a duplicate each
    patterns = torch.stack([duplicate_token_pattern(row) for row in tokens])
    maps = torch.zeros(1, 2, 1, 4, 4)
    maps[..., 0] = 1.0
    assert pattern_scores(maps, patterns).item() == 1.0
    maps[0, 1, 0, 3] = torch.tensor([0.25, 0.25, 0.25, 0.25])
    assert pattern_scores(maps, patterns).item() == 0.625


def test_the_entropy_of_one_key_is_zero_and_of_all_keys_the_mean_logarithm():
    one, uniform = torch.zeros(3, 3), torch.ones(3, 3).tril() / torch.arange(1, 4)[:, None]
    one[:, 0] = 1.0
    found = attention_entropy(torch.stack([one, uniform])[None, None])
    torch.testing.assert_close(found, torch.tensor([[0.0, (math.log(2) + math.log(3)) / 3]]))


def model_of_previous_token_head():
    """Head 0 attends to the position before, by one-hot positions; head 1 attends to all alike."""
    model = GPT(GPTConfig(9, 8, 1, 2, 8, 8, positions="learned", head_width=8))
    for parameter in model.parameters():
        parameter.data.zero_()
    model.positions.weight.data.copy_(torch.eye(8))
    model.blocks[0].attention_norm.gain.data.fill_(1.0)
    q, k = torch.zeros(2, 8, 8), torch.zeros(2, 8, 8)
    q[0], k[0] = torch.eye(8).roll(-1, dims=0) * 20, torch.eye(8)  # q of t is at t - 1
    model.blocks[0].attention.qkv.weight.data[:32] = torch.cat([*q, *k])
    return model


def test_a_head_built_to_look_at_the_previous_token_is_found():
    tokens = torch.tensor([[1, 2, 3, 4, 1, 2, 3, 4]])
    found = head_scores(model_of_previous_token_head(), tokens)
    (head, score), (other, uniform) = found.highest("previous token", 2)
    assert head == Head(0, 0) and score > 0.99
    mean = sum(1 / n for n in range(2, 9)) / 7
    assert other == Head(0, 1) and math.isclose(uniform, mean, rel_tol=1e-5)
    assert found.entropy[0, 0] < 0.2 < found.entropy[0, 1]
    assert found.scores["induction"][0, 0] < 0.01


def test_repeated_tokens_are_two_equal_halves():
    tokens = repeated_tokens(50, 6, 3, torch.Generator().manual_seed(1))
    assert tokens.shape == (3, 12) and torch.equal(tokens[:, :6], tokens[:, 6:])
    assert not torch.equal(tokens[0], tokens[1])
    assert torch.equal(tokens, repeated_tokens(50, 6, 3, torch.Generator().manual_seed(1)))


def test_texts_without_a_repetition_are_refused():
    with pytest.raises(BadInput, match="tokens repeat"):
        head_scores(model_of_previous_token_head(), torch.arange(6)[None])


def test_an_unknown_type_is_refused_with_the_names_of_all():
    found = head_scores(model_of_previous_token_head(), torch.tensor([[1, 1, 2]]))
    with pytest.raises(BadInput, match="'next token'; there are previous token, first token, dup"):
        found.highest("next token")
