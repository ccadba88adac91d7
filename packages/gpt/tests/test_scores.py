import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gpt.evaluation.scores import (
    compare_with_ngrams,
    compute_scores,
    negative_log_likelihoods,
)
from gpt.model.gpt import GPT, GPTConfig
from gpt.runs.folder import RunFolder
from gpt.text.tokenizers import CharacterTokenizer


def test_the_three_units_by_hand():
    # two tokens of probability 1/4 and 1/16 that spell 3 bytes: 2 + 4 bits
    found = compute_scores(-np.log([1 / 4, 1 / 16]), n_bytes=3)
    assert found.loss == pytest.approx(3 * math.log(2))
    assert found.perplexity == pytest.approx(8)
    assert found.bits_per_byte == pytest.approx(2)


def test_a_model_that_diverged_has_infinite_perplexity():
    assert compute_scores(np.array([1000.0]), 1).perplexity == math.inf


def test_a_token_of_probability_012_costs_4_423_nats():
    assert compute_scores(-np.log([0.012]), 1).loss == pytest.approx(4.423, abs=5e-4)


@pytest.mark.parametrize("length", [2, 5, 8, 9, 20, 33])
def test_every_token_but_the_first_is_scored_once_in_its_window(length):
    torch.manual_seed(0)
    model = GPT(GPTConfig(12, 8, 1, 2, 8, 16))
    tokens = np.random.default_rng(0).integers(0, 12, length).astype(np.uint16)
    expected = []
    for start in range(0, length - 1, 8):
        window = torch.tensor(tokens[start : start + 9].astype(int))
        logits = model(window[None, :-1])[0]
        expected.append(F.cross_entropy(logits, window[1:], reduction="none"))
    found = negative_log_likelihoods(model, tokens, context=8, batch_size=2)
    np.testing.assert_allclose(found, torch.cat(expected).detach().numpy(), rtol=1e-5)


def test_perplexity_is_a_mean_over_tokens_not_over_windows():
    torch.manual_seed(0)
    model = GPT(GPTConfig(12, 8, 1, 2, 8, 16))
    tokens = np.random.default_rng(0).integers(0, 12, 12).astype(np.uint16)  # 8 tokens, then 3
    nats = negative_log_likelihoods(model, tokens, context=8)
    assert len(nats) == 11
    mean_of_means = (nats[:8].mean() + nats[8:].mean()) / 2
    assert compute_scores(nats, 11).loss == pytest.approx(nats.mean())
    assert compute_scores(nats, 11).loss != pytest.approx(mean_of_means)


def test_scoring_leaves_the_model_in_the_mode_it_was_in():
    model = GPT(GPTConfig(12, 8, 1, 2, 8, 16, dropout=0.5))
    tokens = np.arange(12, dtype=np.uint16)
    np.testing.assert_array_equal(
        negative_log_likelihoods(model, tokens, 8), negative_log_likelihoods(model, tokens, 8)
    )
    assert model.training


def test_end_of_text_is_scored_and_spells_no_byte(monkeypatch, tmp_path):
    tokenizer, model = CharacterTokenizer(["a", "é"]), GPT(GPTConfig(3, 8, 1, 2, 8, 16))
    # the first token is not scored; then é (2 bytes), END_OF_TEXT, a (1 byte)
    tokens = np.array([0, 1, 2, 0])
    monkeypatch.setattr(RunFolder, "load_token_streams", lambda *_: (tokens, tokens))
    report = compare_with_ngrams(model, tokenizer, RunFolder(tmp_path))
    assert (report["tokens"], report["bytes"]) == (3, 3)
