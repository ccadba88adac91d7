"""The script that traces an answer, on a tiny model; and what it found in SmolLM2, found again."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from gpt.evaluation.scores import cross_entropy_per_token
from gpt.inside.ablation import Head, ablated
from gpt.inside.activations import Point
from gpt.inside.head_types import head_scores, repeated_tokens
from gpt.inside.patching import (
    Patch,
    effects_by_head,
    noising_effects,
)
from gpt.inside.prompt_pairs import logit_difference, prompt_pair
from gpt.pretrained.loading import load_pretrained
from gpt.pretrained.smollm2 import ensure_converted

SCRIPT = Path(__file__).parents[1] / "scripts" / "circuits.py"
RECORDED = Path(__file__).parents[1] / "chapters" / "recorded" / "circuits.json"
PROMPTS = (
    "When Mary and John went to the store, John gave a drink to",
    "When Mary and John went to the store, Mary gave a drink to",
    " Mary",
    " John",
)


def test_the_script_traces_an_answer_and_finds_heads_in_any_model(run_script, write_gguf, tmp_path):
    folder = ensure_converted(write_gguf(tmp_path / "a.gguf"), tmp_path / "cache")
    prompts = ["--clean", "ab", "--corrupted", "bb", "--answer", "a", "--wrong-answer", "b"]
    sizes = ["--texts", "1", "--period", "3", "--top", "2", "--controls", "1"]
    status, out, err = run_script(SCRIPT, "--model", folder, *prompts, *sizes, "--json")
    assert status == 0, err
    found, recorded = json.loads(out), json.loads(RECORDED.read_text("utf-8"))
    assert found.keys() == recorded.keys()
    answer, induction = found["answer"], found["induction"]
    assert answer.keys() == recorded["answer"].keys()
    assert induction.keys() == recorded["induction"].keys()
    assert [len(answer[name]) for name in ("residual", "denoising", "ablated")] == [3, 2, 2]
    assert answer["residual"][0] == pytest.approx([1.0, 0.0], abs=1e-3)
    assert answer["residual"][2] == pytest.approx([0.0, 1.0], abs=1e-3)
    assert len(induction["found"]) == 2 and len(induction["without_random"]) == 1


def test_prompts_that_do_not_match_are_reported_in_one_sentence(run_script, write_gguf, tmp_path):
    folder = ensure_converted(write_gguf(tmp_path / "a.gguf"), tmp_path / "cache")
    prompts = ["--clean", "ab", "--corrupted", "bbb", "--answer", "a", "--wrong-answer", "b"]
    status, out, err = run_script(SCRIPT, "--model", folder, *prompts)
    assert status == 2 and not out
    assert err.count("\n") == 1 and "equal numbers of tokens" in err


@pytest.fixture(scope="module")
def smollm2(smollm2_wheel):
    return load_pretrained("smollm2")


@pytest.mark.slow
def test_the_effects_of_a_name_swap_peak_at_the_head_without_which_the_answer_changes(smollm2):
    model, tokenizer = smollm2
    pair = prompt_pair(tokenizer, *PROMPTS)
    effects = effects_by_head(model, pair)
    peak = Head(*divmod(int(effects.argmax()), 9))
    assert peak == Head(23, 3) and 0.5 < effects.max() < 0.65
    layer = [Patch(Point("heads", 23), heads=(head,)) for head in range(9)]
    noise = noising_effects(model, pair, layer)
    assert int(noise.argmax()) == 3 and 0.5 < noise.max() < 0.7

    def difference_without(head):
        with torch.no_grad(), ablated(model, [head]):
            return float(logit_difference(model(pair.clean[None])[0, -1], pair))

    with torch.no_grad():
        whole = float(logit_difference(model(pair.clean[None])[0, -1], pair))
    ranked = [Head(*divmod(int(place), 9)) for place in effects.abs().flatten().argsort()]
    compared = {*ranked[-10:], *ranked[:10], *(Head(23, head) for head in range(9))}
    drops = {head: whole - difference_without(head) for head in compared}
    assert max(drops, key=lambda head: drops[head]) == peak
    assert 5.5 < whole < 6.5


@pytest.mark.slow
def test_without_its_induction_heads_smollm2_continues_repeated_tokens_worse(smollm2):
    model = smollm2.model
    generator = torch.Generator().manual_seed(1)
    tokens = repeated_tokens(model.config.vocab_size, length=25, n_texts=4, generator=generator)
    found = [head for head, _ in head_scores(model, tokens).highest("induction", 6)]

    @torch.no_grad()
    def loss_of_repeat(heads):
        with ablated(model, heads) if heads else nullcontext():
            return float(
                cross_entropy_per_token(model(tokens[:, :-1]), tokens[:, 1:])[:, 25:].mean()
            )

    others = [Head(layer, int(torch.randint(9, (), generator=generator))) for layer, _ in found]
    whole = loss_of_repeat([])
    assert loss_of_repeat(found) - whole > 3 * (loss_of_repeat(others) - whole)
