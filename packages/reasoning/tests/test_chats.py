import json
import runpy
from pathlib import Path

import pytest
import torch

from gpt.errors import BadInput
from gpt.generation.generate import generate
from gpt.generation.sampling import keep_top_k
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.pretrained_tokenizer import CHARACTER_OF_BYTE, AddedToken, PretrainedTokenizer
from reasoning.prompting import chats
from reasoning.prompting.chats import ChatModel, load_chat_model, sample_chats

pytest.importorskip("jinja2", reason="baselines: chat templates need the extra smollm2")

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}:{{ message['content'] }};{% endfor %}"
)
CONVERSATIONS = [[{"role": "user", "content": text}] for text in ("2 + 3", "a longer question?")]


@pytest.fixture
def chat():
    return chat_model(64)


def chat_model(context):
    vocab = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}
    end = AddedToken(256, "<end>", special=True)
    tokenizer = PretrainedTokenizer(
        vocab, [], [], [end], {"eos_token": "<end>"}, [], TEMPLATE, end_ids=[256]
    )
    model = GPT(GPTConfig(257, context, n_layers=1, n_heads=2, d_model=16, d_ff=32)).eval()
    return ChatModel(model, tokenizer, TEMPLATE)


def test_greedy_answers_are_those_of_one_conversation_at_a_time(chat):
    rows = sample_chats(chat, CONVERSATIONS, 2, 0.0, 8, torch.Generator())
    for [message], row in zip(CONVERSATIONS, rows, strict=True):
        prompt = chat.tokenizer.encode(f"user:{message['content']};")
        likeliest = lambda logits: keep_top_k(logits, 1).argmax(dim=1)  # noqa: E731
        tokens = list(generate(chat.model, prompt, 8, likeliest, frozenset({256})))
        text = chat.tokenizer.decode_bytes(tokens).decode("utf-8", errors="replace").strip()
        assert [tuple(answer) for answer in row] == [(text, len(tokens))] * 2


def test_batches_do_not_change_the_order(chat, monkeypatch):
    together = sample_chats(chat, CONVERSATIONS, 3, 0.0, 5, torch.Generator())
    monkeypatch.setattr(chats, "CHATS_AT_ONCE", 2)
    assert sample_chats(chat, CONVERSATIONS, 3, 0.0, 5, torch.Generator()) == together


def test_what_cannot_be_answered_is_refused(chat, tmp_path):
    with pytest.raises(BadInput, match="n_samples"):
        sample_chats(chat, CONVERSATIONS, 0, 0.0, 5, torch.Generator())
    with pytest.raises(BadInput, match="prompt has"):
        long = [{"role": "user", "content": "word " * 50}]
        sample_chats(chat, [long], 1, 0.0, 5, torch.Generator())
    with pytest.raises(BadInput, match="there is no model"):
        load_chat_model(str(tmp_path / "none"))


SCRIPT = Path(__file__).parents[1] / "scripts" / "smollm2.py"


def run_script(monkeypatch, *options):
    monkeypatch.setattr("sys.argv", [str(SCRIPT), *options])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return stop.value.code


def test_the_script_asks_in_every_way_and_prints_json(monkeypatch, capsys):
    monkeypatch.setattr(chats, "load_chat_model", lambda *_: chat_model(8192))
    assert run_script(monkeypatch, "--n-problems", "2", "--max-new-tokens", "3", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    prompts = [arm["prompt"] for arm in report["prompts"]]
    assert len(prompts) == len(set(prompts)) == 12
    assert all(0 <= arm["low"] <= arm["rate"] <= arm["high"] <= 1 for arm in report["prompts"])
    # a vote costs the tokens of its eight samples
    *_, single, vote = report["prompts"]
    assert vote["tokens"] == 8 * single["tokens"] <= 8 * 3


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--n-problems", "0"], "n_problems must be at least 1, got 0"),
        (["--largest", "4"], "numbers up to at least 5"),
        (["--max-new-tokens", "0"], "max_new_tokens must be at least 1, got 0"),
        (["--model", "/nowhere"], "there is no model in '/nowhere'"),
        (["--precision", "fp8"], "invalid choice"),
    ],
)
def test_wrong_options_of_the_script_are_one_sentence(monkeypatch, capsys, options, fault):
    assert run_script(monkeypatch, *options) == 2
    error = capsys.readouterr().err
    assert fault in error and error.count("\n") == 1 and "Traceback" not in error
