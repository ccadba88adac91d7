"""Speculative decoding: the text of the model, in fewer passes."""

from itertools import chain, product

import pytest
import torch
from torch import nn

from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.generation.sampling import greedy_token
from gpt.generation.speculative import (
    DraftedTokens,
    LookupDraft,
    ModelDraft,
    accept_draft,
    expected_tokens_per_pass,
    generate_speculatively,
    residual_distribution,
)
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT


def small_model(vocab_size=12, seed=0, width=32, n_layers=2):
    """Build a model whose large weights make its choices clear."""
    torch.manual_seed(seed)
    model = GPT(GPTConfig(vocab_size, 48, n_layers=n_layers, n_heads=2, d_model=width, d_ff=48))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def test_a_rejected_token_is_replaced_by_what_the_draft_lacks():
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.7, 0.2, 0.1])
    torch.testing.assert_close(residual_distribution(p, q), torch.tensor([0.0, 0.5, 0.5]))
    # token 0 is drafted with 0.7 and kept with 5/7; the rejected 0.2 becomes 0.1 and 0.1
    kept = q * (p / q).clamp(max=1)
    torch.testing.assert_close(kept + (1 - kept.sum()) * residual_distribution(p, q), p)


def test_a_draft_that_lacks_nothing_is_replaced_by_the_model():
    p = torch.tensor([0.5, 0.3, 0.2])
    assert torch.equal(residual_distribution(p, p + 1e-7), p)


def test_all_outcomes_together_have_the_distribution_of_the_model():
    """Enumerate every draft of two tokens, every rejection and every replacement."""
    n = 3
    p, q = (torch.rand(n + 1, n).double().softmax(-1) ** 3 for _ in range(2))
    p, q = p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)
    joint = torch.zeros(n, n, dtype=torch.float64)  # of the first two tokens
    keep = (p / q).clamp(max=1)
    for a, b in product(range(n), repeat=2):  # row n: the first token; row a: the one after a
        drafted = q[n, a] * q[a, b]
        joint[a, b] += drafted * keep[n, a] * keep[a, b]
        joint[a] += drafted * keep[n, a] * (1 - keep[a, b]) * residual_distribution(p[a], q[a])
        first = drafted * (1 - keep[n, a]) * residual_distribution(p[n], q[n])
        joint += first[:, None] * p[:n]  # the next pass continues from the replacement
    torch.testing.assert_close(joint, p[n][:, None] * p[:n], rtol=1e-12, atol=1e-12)


def test_accepted_and_replaced_tokens_are_drawn_from_the_model():
    generator = torch.Generator().manual_seed(1)
    p, q = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]), torch.tensor([[0.2, 0.5, 0.3]])
    counts, n_draws = torch.zeros(3), 2000
    for _ in range(n_draws):
        (token,) = torch.multinomial(q[0], 1, generator=generator).tolist()
        counts[accept_draft(DraftedTokens([token], q), p, generator)[0]] += 1
    chi_squared = ((counts - n_draws * p[0]).square() / (n_draws * p[0])).sum()
    assert chi_squared < 9.2  # 2 degrees of freedom: exceeded in 1 of 100 seeds
    against_draft = ((counts - n_draws * q[0]).square() / (n_draws * q[0])).sum()
    assert against_draft > 100


def test_a_certain_draft_is_kept_whole_and_a_wrong_one_not_at_all():
    one_hot = torch.eye(4)
    draft = DraftedTokens([2, 1], one_hot[[2, 1]])
    assert accept_draft(draft, one_hot[[2, 1, 3]]) == [2, 1, 3]
    assert accept_draft(draft, one_hot[[2, 0, 3]]) == [2, 0]
    assert accept_draft(draft, one_hot[[0, 1, 3]]) == [0]


@pytest.mark.parametrize("gamma", [1, 4])
def test_greedy_text_is_that_of_plain_decoding(gamma):
    model, prompt = small_model(), [1, 2, 3, 1, 2]
    expected = list(generate(model, prompt, 20, greedy_token))
    other = small_model(seed=1, width=16)
    for draft in (ModelDraft(other, 0.0), ModelDraft(model, 0.0), LookupDraft(12)):
        passes = list(generate_speculatively(model, draft, prompt, 20, gamma, temperature=0.0))
        assert list(chain(*passes)) == expected
        assert all(1 <= len(tokens) <= gamma + 1 for tokens in passes)


def test_a_perfect_draft_needs_one_pass_per_gamma_plus_one_tokens():
    model = small_model()
    passes = list(generate_speculatively(model, ModelDraft(model, 0.0), [1, 2], 30, 4, 0.0))
    assert [len(tokens) for tokens in passes] == [5] * 6


def test_sampled_text_has_the_distribution_of_the_model():
    """Two sampled tokens, against the exact probabilities of all pairs."""
    model, other = small_model(4, n_layers=1), small_model(4, seed=1, n_layers=1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        first = model(torch.tensor([[1]]))[0, -1].softmax(-1)
        pairs = torch.tensor([[1, token] for token in range(4)])
        exact = first[:, None] * model(pairs)[:, -1].softmax(-1)
    counts, n_texts = torch.zeros(4, 4), 250
    draft = ModelDraft(other, generator=generator)
    for _ in range(n_texts):
        a, b = chain(*generate_speculatively(model, draft, [1], 2, 3, generator=generator))
        counts[a, b] += 1
    chi_squared = ((counts - n_texts * exact).square() / (n_texts * exact)).sum()
    assert chi_squared < 30.6  # 15 degrees of freedom: exceeded in 1 of 100 seeds


def test_text_that_repeats_itself_is_copied():
    draft = LookupDraft(10).propose([7, 8, 1, 2, 7, 8, 3, 4, 5, 7, 8], 3)
    assert draft.tokens == [3, 4, 5]  # after the last earlier 7, 8
    assert draft.probabilities.argmax(-1).tolist() == [3, 4, 5]
    assert LookupDraft(10).propose([1, 2, 3], 3).tokens == []


def test_a_stop_token_ends_the_text_within_a_pass():
    model, prompt = small_model(), [1, 2, 3]
    plain = list(generate(model, prompt, 30, greedy_token))
    stop = frozenset([plain[7]])
    expected = list(generate(model, prompt, 30, greedy_token, stop))
    draft = ModelDraft(model, 0.0)
    found = generate_speculatively(model, draft, prompt, 30, 4, 0.0, stop_tokens=stop)
    assert list(chain(*found)) == expected


def test_tokens_per_pass():
    assert expected_tokens_per_pass(0.0, 4) == 1
    assert expected_tokens_per_pass(1.0, 4) == 5
    assert expected_tokens_per_pass(0.5, 3) == 1.875


def call(model, draft=None, prompt=(1, 2), n=4, gamma=2, temperature=1.0):
    draft = LookupDraft(12) if draft is None else draft
    return list(generate_speculatively(model, draft, list(prompt), n, gamma, temperature))


def test_wrong_calls_are_refused():
    model = small_model()
    with pytest.raises(BadInput, match="gamma.*at least 1, got 0"):
        call(model, gamma=0)
    with pytest.raises(BadInput, match="draft has 13 tokens and the model 12"):
        call(model, LookupDraft(13))
    with pytest.raises(BadInput, match=r"2 \+ 47 tokens do not fit into the context of 48"):
        call(model, n=47)
    with pytest.raises(BadInput, match="max_new_tokens must be at least 1, got -3"):
        call(model, n=-3)
    with pytest.raises(BadInput, match="n_matched must be at least 1, got 0"):
        LookupDraft(12, 0)
    with pytest.raises(BadInput, match="the prompt has 0 tokens"):
        call(model, prompt=())
    with pytest.raises(BadInput, match="temperature must be a number from 0 up, got -2.0"):
        ModelDraft(small_model(), temperature=-2.0)
    with pytest.raises(BadInput, match="temperature must be a number from 0 up, got -1"):
        call(model, temperature=-1.0)
