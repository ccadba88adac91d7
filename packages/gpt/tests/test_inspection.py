"""What `gpt inspect` computes: each part against the model called directly."""

import pytest
import torch
from torch.testing import assert_close

from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.generation.sampling import greedy_token
from gpt.inside import inspection as inspections
from gpt.inside.ablation import Head, ablated
from gpt.inside.attention_maps import attention_maps
from gpt.inside.head_types import PATTERNS, head_scores
from gpt.inside.inspection import (
    ablate_each_head,
    check_inspectable,
    continue_alternatives,
    inspect_prompt,
    top_tokens,
)
from gpt.inside.lens import logit_lens
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.tokenizer_export import to_pretrained_tokenizer
from gpt.text.tokenizers import CharacterTokenizer

PROMPT = "the cat sat"
TOKENIZER = CharacterTokenizer.train([PROMPT])
TOKENS = TOKENIZER.encode(PROMPT)
KINDS = [
    {"positions": "learned", "attention_bias": True},
    {"positions": "rotary", "n_kv_heads": 2, "norm_kind": "rms", "feed_forward": "swiglu"},
    {"positions": "alibi", "norm": "post"},
]


def make_model(**kind):
    """A model with weights large enough for distributions that are far from uniform."""
    model = GPT(
        GPTConfig(TOKENIZER.vocab_size, 16, n_layers=3, n_heads=4, d_model=16, d_ff=32, **kind)
    )
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    return make_model()


@pytest.fixture(scope="module")
def inspection(model):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inspections, "N_CONTINUATION_TOKENS", 5)
        return inspect_prompt(model, TOKENIZER, PROMPT)


def test_the_attention_of_the_page_is_that_of_the_model(model, inspection):
    assert inspection.attention.shape == (3, 4, 11, 11)
    assert_close(inspection.attention, attention_maps(model, torch.tensor([TOKENS]))[:, 0])


def test_head_types_are_scored_on_the_patterns_that_the_prompt_has(model, inspection):
    assert [*inspection.head_types] == [*PATTERNS]
    exact = head_scores(model, torch.tensor([TOKENS])).scores
    for name, scores in inspection.head_types.items():
        assert_close(scores, exact[name])


def test_the_lens_ends_with_the_predictions_of_the_model(model, inspection):
    probabilities = model(torch.tensor([TOKENS]))[0].softmax(dim=-1)
    best, tokens = probabilities.max(dim=-1)
    assert inspection.lens.top.tokens[-1, :, 0].tolist() == tokens.tolist()
    assert_close(inspection.lens.top.probabilities[-1, :, 0], best)
    assert_close(inspection.lens.answer_probabilities[-1], best)
    early = logit_lens(model, torch.tensor([TOKENS]))[1, 0].softmax(dim=-1)
    assert_close(inspection.lens.answer_probabilities[1, 4], early[4, tokens[4]])
    assert inspection.lens.top.tokens[1, 4].tolist() == early[4].topk(5).indices.tolist()


def test_a_token_of_the_prompt_has_the_probability_that_the_token_before_it_gives(
    model, inspection
):
    logprobs = model(torch.tensor([TOKENS]))[0].log_softmax(dim=-1)
    expected = [logprobs[i, token].exp().item() for i, token in enumerate(TOKENS[1:])]
    assert inspection.token_probabilities.tolist() == pytest.approx(expected, rel=1e-5)
    assert inspection.alternatives.tokens[3].tolist() == logprobs[3].topk(8).indices.tolist()
    assert inspection.answer == logprobs[-1].argmax().item()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["positions"])
def test_heads_ablated_in_a_batch_are_as_if_ablated_one_by_one(kind):
    model, tokens = make_model(**kind), torch.tensor([TOKENS])
    intact = model(tokens)[0, -1].log_softmax(dim=-1)
    effects = ablate_each_head(model, tokens)
    assert torch.equal(model(tokens)[0, -1].log_softmax(dim=-1), intact)  # all heads are back
    answer = intact.argmax()
    for layer in range(3):
        for head in (layer, 3):
            with torch.no_grad(), ablated(model, [Head(layer, head)]):
                logprobs = model(tokens)[0, -1].log_softmax(dim=-1)
            assert_close(effects.changes[layer, head], logprobs[answer] - intact[answer])
            tokens_without = effects.top.tokens[layer, head]
            assert tokens_without.tolist() == logprobs.topk(5).indices.tolist()
            assert_close(effects.top.probabilities[layer, head], logprobs[tokens_without].exp())
            assert_close(effects.intact[layer, head], intact[tokens_without].exp())
            likeliest = intact.topk(5).indices
            assert_close(effects.ablated[layer, head], logprobs[likeliest].exp())
    assert effects.changes.abs().max() > 0.1


def test_an_alternative_is_continued_greedily_from_the_tokens_before_it(model, inspection):
    stop = frozenset({TOKENIZER.end_of_text})
    assert {each.position for each in inspection.continuations} == set(range(2, 12))
    assert len(inspection.continuations) >= 40
    for each in inspection.continuations[::9]:
        assert each.alternative in inspection.alternatives.tokens[each.position - 1, :5]
        prompt = [*TOKENS[: each.position], each.alternative]
        assert each.tokens == list(generate(model, prompt, 5, greedy_token, stop))


def test_a_prompt_as_long_as_the_context_is_continued_from_its_last_tokens(model, monkeypatch):
    monkeypatch.setattr(inspections, "N_CONTINUED_POSITIONS", 1)
    monkeypatch.setattr(inspections, "N_CONTINUATION_TOKENS", 3)
    tokens = TOKENIZER.encode(("the cat sat " * 2)[:16])
    alternatives = top_tokens(model(torch.tensor([tokens]))[0], 2)
    continued = continue_alternatives(model, tokens, alternatives, frozenset())
    assert [each.position for each in continued] == [16, 16]
    window = [*tokens[1:], continued[0].alternative]
    assert continued[0].tokens == list(generate(model, window, 3, greedy_token))


def test_one_token_is_enough(model, monkeypatch):
    monkeypatch.setattr(inspections, "N_CONTINUATION_TOKENS", 1)
    alone = inspect_prompt(model, TOKENIZER, "t")
    assert alone.attention.flatten().tolist() == [1.0] * 12
    assert alone.token_probabilities.shape == (0,)
    assert alone.head_types == {}
    assert {each.position for each in alone.continuations} == {1}


def test_a_prompt_that_cannot_be_shown_is_refused(model, monkeypatch):
    with pytest.raises(BadInput, match="there is no prompt; give a text to inspect"):
        inspect_prompt(model, TOKENIZER, "")
    with pytest.raises(BadInput, match="has 17 tokens; this model reads 1 to 16"):
        inspect_prompt(model, TOKENIZER, "t" * 17)
    with pytest.raises(BadInput, match="character 'z'"):
        inspect_prompt(model, TOKENIZER, "zebra")
    monkeypatch.setattr(inspections, "MAX_PROMPT_TOKENS", 10)
    with pytest.raises(BadInput, match="has 11 tokens; a page shows at most 10 for a model of 12"):
        inspect_prompt(model, TOKENIZER, PROMPT)


def test_the_whole_page_is_about_the_same_tokens_also_with_a_begin_token(monkeypatch):
    monkeypatch.setattr(inspections, "N_CONTINUATION_TOKENS", 1)
    tokenizer = to_pretrained_tokenizer(BytePairTokenizer.train(["the cat sat\n" * 4], 270))
    tokenizer.prefix = [tokenizer.end_of_text]
    config = GPTConfig(tokenizer.vocab_size, 16, n_layers=1, n_heads=2, d_model=16, d_ff=32)
    found = inspect_prompt(GPT(config).eval(), tokenizer, "the cat")
    assert found.tokens == [tokenizer.end_of_text, *tokenizer.encode("the cat")]
    assert found.trace.stages[1].values["ids"].tolist() == found.tokens


def test_damaged_weights_are_refused():
    model = make_model()
    torch.nn.init.constant_(model.blocks[0].mlp.narrow.bias, float("nan"))
    with pytest.raises(BadInput, match="logits are not all finite numbers"):
        inspect_prompt(model, TOKENIZER, PROMPT)


def test_many_heads_allow_fewer_tokens(model, monkeypatch):
    monkeypatch.setattr(inspections, "MAX_ATTENTION_WEIGHTS", 12 * 8 * 9 // 2)
    check_inspectable(model, TOKENS[:8])
    with pytest.raises(BadInput, match="has 9 tokens; a page shows at most 8"):
        check_inspectable(model, TOKENS[:9])
