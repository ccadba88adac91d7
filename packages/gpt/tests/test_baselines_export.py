"""Folders of `gpt export`, opened with transformers."""

import json

import pytest
import torch

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

from transformers import AutoModelForCausalLM, AutoTokenizer

from gpt.cli import main
from gpt.generation.generate import generate
from gpt.generation.sampling import greedy_token
from gpt.runs.folder import load_model
from gpt.text.tokenizers import decode

pytestmark = pytest.mark.baselines

TEXT = "The list holds items. The items are numbers. A number is returned by the function.\n" * 60
NANO = "--device cpu --preset nano --context 32 --vocab-size 280 --batch-size 4 --steps 12"
CLASSES = {
    "--recipe plain": "GPT2LMHeadModel",
    "--recipe fast": "ArceeForCausalLM",
    "--recipe fast --feed-forward swiglu": "LlamaForCausalLM",
    "--recipe plain --tokenizer character": "GPT2LMHeadModel",
}


@pytest.fixture(scope="module", params=CLASSES)
def exported(request, tmp_path_factory):
    """A run's model and tokenizer, and those that transformers reads from its export."""
    home = tmp_path_factory.mktemp("exported")
    (home / "text.txt").write_text(TEXT)
    train = f"train {NANO} {request.param} --data {home / 'text.txt'} --runs {home} --name run"
    assert main(train.split()) == 0
    assert main(["export", "--run", str(home / "run"), "--output", str(home / "out")]) == 0
    library = AutoModelForCausalLM.from_pretrained(home / "out").eval()
    assert type(library).__name__ == CLASSES[request.param]
    model, tokenizer, _ = load_model(home / "run")
    return model, tokenizer, library, AutoTokenizer.from_pretrained(home / "out")


def test_the_logits_are_equal(exported):
    model, tokenizer, library, _ = exported
    tokens = torch.randint(0, tokenizer.vocab_size, (3, 32))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), library(tokens).logits, atol=1e-5, rtol=1e-5)


def test_the_ids_and_the_text_are_equal(exported):
    _, tokenizer, _, library = exported
    for text in ("The list holds items.", "A number\n\n of  items", TEXT[:500], ""):
        ids = tokenizer.encode(text)
        assert library(text).input_ids == ids
        assert library.decode(ids) == text
    assert library.eos_token_id == tokenizer.end_of_text


def test_the_greedy_text_is_equal(exported):
    model, tokenizer, library, library_tokenizer = exported
    prompt = tokenizer.encode("The list")
    greedy = {"do_sample": False, "max_new_tokens": 16, "pad_token_id": tokenizer.end_of_text}
    whole = library.generate(torch.tensor([prompt]), **greedy)[0].tolist()
    stop = frozenset({tokenizer.end_of_text})
    ours = list(generate(model, prompt, 16, greedy_token, stop))
    theirs = [token for token in whole[len(prompt) :] if token not in stop]
    assert theirs == ours
    assert library_tokenizer.decode(theirs) == decode(tokenizer, ours)
    assert len(ours) > 3


def test_the_library_knows_where_a_text_ends(exported):
    _, tokenizer, library, _ = exported
    assert library.generation_config.eos_token_id == tokenizer.end_of_text
    assert json.loads(library.config.to_json_string())["eos_token_id"] == tokenizer.end_of_text
