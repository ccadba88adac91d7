"""Patching: effects by hand, equal to runs patched one by one, and 1 where all numbers move."""

import pytest
import torch

from gpt.errors import BadInput
from gpt.inside.activations import Point, edited, record_activations
from gpt.inside.patching import (
    Patch,
    denoising_effects,
    effects_by_head,
    effects_by_position,
    noising_effects,
)
from gpt.inside.prompt_pairs import PromptPair, logit_difference, prompt_pair
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.tokenizers import CharacterTokenizer

PAIR = PromptPair(torch.tensor([1, 5, 2, 8, 0, 3]), torch.tensor([1, 5, 7, 8, 6, 3]), 4, 9)
DIRECTIONS = pytest.mark.parametrize("effects", [denoising_effects, noising_effects])
KINDS = [
    {"positions": "learned", "attention_bias": True},
    {"norm_kind": "rms", "feed_forward": "swiglu", "n_kv_heads": 2},
    {"positions": "alibi", "norm": "post", "n_layers": 2},
]


def make_model(**kind):
    shape = {"vocab_size": 20, "context": 8, "n_layers": 3, "n_heads": 4, "d_model": 16, "d_ff": 32}
    model = GPT(GPTConfig(**(shape | kind))).double().eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.3
    return model


def close(found, expected, **tolerance):
    torch.testing.assert_close(found, torch.as_tensor(expected, dtype=found.dtype), **tolerance)


def test_the_logit_difference_is_the_answer_minus_the_wrong_answer():
    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, -1.0, 4.0]])
    assert logit_difference(logits, PromptPair(*torch.zeros(2, 3), 1, 2)).tolist() == [2.0, -5.0]


def test_effects_of_a_model_that_reads_only_the_last_token_by_hand():
    """Without attention and feed-forward layers, the logits are those of the last embedding.

    So only a patch of the residual stream at the last position has an effect, and it is complete.
    """
    shape = GPTConfig(3, 4, 1, 1, 2, 2, positions="none", norm_kind="rms", tied_head=False)
    model = GPT(shape).double().eval()
    for parameter in model.blocks.parameters():
        parameter.data.zero_()
    model.embedding.weight.data = torch.tensor([[7.0, 1.0], [1.0, 7.0], [3.0, 3.0]]).double()
    model.head.data = torch.eye(3, 2).double()
    pair = PromptPair(torch.tensor([2, 0]), torch.tensor([2, 1]), 0, 1)
    for effects in (denoising_effects, noising_effects):
        close(effects_by_position(model, pair, effects=effects), [[0, 1], [0, 1]])
        close(effects_by_position(model, pair, "attention", effects), [[0, 0]])
        close(effects_by_head(model, pair, effects), [[0]])


@DIRECTIONS
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_whole_residual_stream_of_any_layer_has_an_effect_of_one(kind, effects):
    model = make_model(**kind)
    layers = range(len(model.blocks) + 1)
    close(effects(model, PAIR, [Patch(Point("residual", n)) for n in layers]), [1.0] * len(layers))


@DIRECTIONS
def test_the_first_residual_stream_needs_only_the_positions_that_differ(effects):
    model = make_model(positions="learned")
    embedding = Point("residual", 0)
    assert PAIR.positions == [2, 4]
    one, both, others = (Patch(embedding, places) for places in ((2,), (2, 4), (0, 1, 3, 5)))
    found = effects(model, PAIR, [one, both, others])
    close(found[1:], [1.0, 0.0])
    assert abs(found[0]) > 0.01 and abs(found[0] - 1) > 0.01


def patched_by_hand(model, target, source, patch):
    """The last logits of a whole run whose numbers are replaced by one hook."""
    clean = record_activations(model, source[None], [patch.point])[patch.point]
    places = [slice(None) if each is None else list(each) for each in patch[1:]]

    def edit(numbers):
        numbers = numbers.clone()
        for position in range(6)[places[0]] if patch.positions is None else patch.positions:
            if patch.heads is None:
                numbers[0, position] = clean[0, position]
            else:
                numbers[0, position, places[1]] = clean[0, position, places[1]]
        return numbers

    with torch.no_grad(), edited(model, {patch.point: edit}):
        return model(target[None])[0, -1]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_effects_in_batches_equal_whole_runs_patched_one_by_one(kind):
    model = make_model(**kind)
    patches = [
        Patch(Point("mlp", 1)),
        Patch(Point("heads", 1), heads=(2,)),
        Patch(Point("heads", 1), (2, 5), (0, 3)),
        Patch(Point("attention", 0), (4,)),
        Patch(Point("residual", 1), (3, 4)),
        Patch(Point("mlp", 0), (5,)),
        Patch(Point("heads", 1), (4,)),
    ]
    clean, corrupted = (
        logit_difference(model(each[None])[0, -1].detach(), PAIR) for each in PAIR[:2]
    )
    into_corrupted, into_clean = (
        logit_difference(
            torch.stack([patched_by_hand(model, *runs, patch) for patch in patches]), PAIR
        )
        for runs in ((PAIR.corrupted, PAIR.clean), (PAIR.clean, PAIR.corrupted))
    )
    gap = clean - corrupted
    close(denoising_effects(model, PAIR, patches), (into_corrupted - corrupted) / gap)
    close(noising_effects(model, PAIR, patches), (clean - into_clean) / gap)


@DIRECTIONS
def test_maps_hold_the_effects_of_single_patches(effects):
    model = make_model()
    heads = effects_by_head(model, PAIR, effects)
    residual = effects_by_position(model, PAIR, effects=effects)
    mlp = effects_by_position(model, PAIR, "mlp", effects)
    assert (heads.shape, residual.shape, mlp.shape) == ((3, 4), (4, 6), (3, 6))
    single = [
        Patch(Point("heads", 2), heads=(1,)),
        Patch(Point("residual", 3), (5,)),
        Patch(Point("mlp", 1), (4,)),
    ]
    found = torch.stack([heads[2, 1], residual[3, 5], mlp[1, 4]])
    close(found, effects(model, PAIR, single))
    # in the last residual stream the last position is all that the logits read
    close(residual[3], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    # nothing before the first difference can differ
    close(residual[:, :2], torch.zeros(4, 2))


def test_the_model_is_the_same_after_patches_that_fail_and_that_succeed():
    model = make_model()
    before, blocks = model(PAIR.clean[None]), model.blocks
    effects_by_head(model, PAIR)
    with pytest.raises(BadInput):
        denoising_effects(model, PAIR, [Patch(Point("mlp", 0)), Patch(Point("mlp", 3))])
    assert model.blocks is blocks
    assert torch.equal(model(PAIR.clean[None]), before)
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())


def test_a_prompt_pair_holds_tokens_answers_and_the_positions_that_differ():
    tokenizer = CharacterTokenizer.train(["abc >"])
    pair = prompt_pair(tokenizer, "ab ab>", "ab bb>", "a", "b")
    assert (tokenizer.encode("ab ab>"), tokenizer.encode("a")) == (pair.clean.tolist(), [pair[2]])
    assert pair.positions == [3] and pair.wrong_answer == tokenizer.encode("b")[0]


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (("ab>", "aab>", "a", "b"), "equal numbers of tokens, but 'ab>' has 3 and 'aab>' has 4"),
        (("ab>", "ab>", "a", "b"), "prompts must differ, but both are 'ab>'"),
        (("ab>", "ba>", "ab", "b"), "an answer must be one token, but 'ab' has 2"),
        (("ab>", "ba>", "a", ""), "an answer must be one token, but '' has 0"),
        (("ab>", "ba>", "a", "a"), "answers must differ, but both are 'a'"),
        (("", "", "a", "b"), "prompts must differ, but both are ''"),
    ],
)
def test_prompts_that_do_not_make_a_pair_are_refused(texts, sentence):
    with pytest.raises(BadInput, match=sentence):
        prompt_pair(CharacterTokenizer.train(["abc >"]), *texts)


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        (Patch(Point("residual", 0), (6,)), "position 6 is outside the prompt of 6 tokens"),
        (Patch(Point("residual", 0), (-1,)), "position -1 is outside the prompt of 6 tokens"),
        (Patch(Point("heads", 0), heads=(0, 4)), "head 4 is not one of the 4 per layer"),
        (Patch(Point("attention", 0), heads=(0,)), "kind 'attention' has no heads"),
        (Patch(Point("heads", 3)), "no point 'heads' in layer 3"),
        (Patch(Point("residual", 4)), "no point 'residual' in layer 4"),
    ],
)
def test_patches_outside_the_model_or_the_prompt_are_refused(patch, sentence):
    with pytest.raises(BadInput, match=sentence):
        denoising_effects(make_model(), PAIR, [patch])


def test_a_model_that_answers_both_prompts_alike_is_refused():
    model = make_model()
    for parameter in model.parameters():
        parameter.data.zero_()
    with pytest.raises(BadInput, match=r"answers both prompts alike \(logit difference 0.00\)"):
        effects_by_head(model, PAIR)
