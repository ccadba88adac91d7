"""`gpt export`, and `gpt sample` from what it wrote: no other library takes part."""

import importlib.util
import json
import os
import subprocess
import sys
import time

import pytest
import torch

from gpt.cli import GPT_PROGRAM, main
from gpt.pretrained.folders import read_model
from gpt.runs.folder import load_model

TEXT = "The list holds items. The items are numbers. A number is returned by the function.\n" * 60
NANO = "--device cpu --preset nano --context 16 --vocab-size 280 --batch-size 4 --steps 3"
KINDS = {
    "plain": "--recipe plain",
    "fast": "--recipe fast",
    "character": "--tokenizer character",
    "gated": "--recipe fast --feed-forward swiglu",
}
FILES = {
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json",
}  # fmt: skip
CHATML = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function from options to a small run; each is trained once."""
    home, runs = tmp_path_factory.mktemp("trained"), {}
    (home / "text.txt").write_text(TEXT)

    def run_of(options):
        if options not in runs:
            name = f"run{len(runs)}"
            paths = f" --data {home / 'text.txt'} --runs {home} --name {name}"
            assert main(f"train {NANO} {options}{paths}".split()) == 0
            runs[options] = home / name
        return runs[options]

    return run_of


def export(run, folder, *options):
    return main(["export", "--run", str(run), "--output", str(folder), *options])


def written(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, call, message):
    """Status 2, one sentence on stderr, nothing on stdout."""
    capsys.readouterr()
    assert main(call) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("gpt: ") and said.err.count("\n") == 1
    assert message in said.err


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_run_is_the_model_of_the_run(kind, trained, tmp_path, capsys):
    run, folder = trained(KINDS[kind]), tmp_path / "new" / "folder"
    capsys.readouterr()
    assert export(run, folder) == 0
    assert f"AutoModelForCausalLM.from_pretrained({str(folder)!r})" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == FILES
    ours, tokenizer, _ = load_model(run)
    config = json.loads((folder / "config.json").read_text())
    assert config["eos_token_id"] == tokenizer.end_of_text
    tokens = torch.arange(16)[None]
    with torch.no_grad():
        assert torch.equal(read_model(folder).eval()(tokens), ours(tokens))


@pytest.mark.parametrize("kind", ["plain", "fast", "gated"])
@pytest.mark.parametrize("options", [[], ["--prompt", "The list"]], ids=["empty", "prompt"])
def test_a_run_and_its_export_write_the_same_text(options, kind, trained, tmp_path, capsys):
    run = trained(KINDS[kind])
    assert export(run, tmp_path / "out") == 0
    texts = []
    for source in (["--run", str(run)], ["--model", str(tmp_path / "out")], ["--model", str(run)]):
        capsys.readouterr()
        assert main(["sample", *source, *options, "--max-new-tokens", "40", "--seed", "3"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0]) > 20


def test_bf16_writes_with_rounded_weights(trained, monkeypatch, capsys):
    import gpt.commands.sample as command

    formats, generate = [], command.generate

    def watched(model, *arguments):
        formats.append({each.dtype for each in model.parameters()})
        return generate(model, *arguments)

    monkeypatch.setattr(command, "generate", watched)
    run = str(trained(KINDS["fast"]))
    for precision in ("fp32", "bf16"):
        assert (
            main(["sample", "--run", run, "--max-new-tokens", "3", "--precision", precision]) == 0
        )
    assert formats == [{torch.float32}, {torch.bfloat16}]


def test_an_export_of_an_export_is_the_same(trained, tmp_path):
    assert export(trained(KINDS["fast"]), tmp_path / "a") == 0
    assert main(["export", "--model", str(tmp_path / "a"), "--output", str(tmp_path / "b")]) == 0
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_folder_with_files_is_written_over_only_when_asked(trained, tmp_path, capsys):
    folder = tmp_path / "out"
    assert export(trained(KINDS["plain"]), folder) == 0
    before = written(folder)
    call = ["export", "--run", str(trained(KINDS["fast"])), "--output", str(folder)]
    refused(capsys, call, "is not empty; write over it with --overwrite")
    assert written(folder) == before
    assert main([*call, "--overwrite"]) == 0
    assert json.loads((folder / "config.json").read_text())["model_type"] == "arcee"
    read_model(folder)


def test_a_file_is_not_taken_for_a_folder(trained, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    call = ["export", "--run", str(trained(KINDS["plain"])), "--output", str(tmp_path / "out")]
    refused(capsys, [*call, "--overwrite"], "is a file; give the name of a folder to write")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("options", ["--positions alibi", "--recipe plain --norm post"])
def test_a_model_that_no_class_reads_is_refused_and_nothing_is_written(
    options, trained, tmp_path, capsys
):
    call = ["export", "--run", str(trained(options)), "--output", str(tmp_path / "out")]
    refused(capsys, call, "transformers has no class for this architecture")
    assert list(tmp_path.iterdir()) == []
    assert export(trained(KINDS["plain"]), tmp_path / "out") == 0
    before = written(tmp_path)
    refused(capsys, [*call, "--overwrite"], "transformers has no class for this architecture")
    assert written(tmp_path) == before


def test_an_export_of_characters_is_for_transformers_and_not_read_back(trained, tmp_path, capsys):
    assert export(trained(KINDS["character"]), tmp_path / "out") == 0
    call = ["sample", "--model", str(tmp_path / "out")]
    refused(capsys, call, "a tokenizer of kind WordLevel; only byte-level BPE is supported, as in")


@pytest.mark.parametrize("command", ["sample", "export"])
def test_a_run_that_is_not_there_is_not_taken_for_a_model_of_the_hub(
    command, tmp_path, capsys, monkeypatch
):
    """The default, runs/gpt, could be somebody's model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "gpt.pretrained.loading.download_from_hub", lambda name: pytest.fail("asked a hub")
    )
    refused(capsys, [command], "; start one with: gpt train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["sample", "export"])
def test_a_model_that_is_not_there_is_one_sentence(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(capsys, [command, "--model", "./missing/dir"], "there is no model in './missing/dir'")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(capsys, [command, "--model", "smollm2"], "SmolLM2 is not installed; get it (98 MB)")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused(capsys, [command, "--model", "nowhere/none"], "uv pip install -e 'packages/gpt[hub]'")
    assert list(tmp_path.iterdir()) == []


def test_a_hub_that_does_not_answer_is_one_sentence(capsys):
    pytest.importorskip("huggingface_hub", reason="baselines: needs the extra hub")
    refused(capsys, ["sample", "--model", "nowhere/none"], "there is no folder 'nowhere/none', and")


def test_a_model_without_a_template_cannot_chat(trained, tmp_path, capsys):
    run = trained(KINDS["fast"])
    sentence = "this model has no chat template; give it a --prompt, or use a chat model"
    refused(capsys, ["sample", "--run", str(run), "--chat", "Hello"], sentence)
    assert export(run, tmp_path / "out") == 0
    refused(capsys, ["sample", "--model", str(tmp_path / "out"), "--chat", "Hello"], sentence)


def test_a_prompt_and_a_chat_at_once_are_refused(capsys):
    sentence = "give a --prompt to be continued or a --chat to be answered, not both"
    refused(capsys, ["sample", "--prompt", "a", "--chat", "b"], sentence)


@pytest.fixture
def chat_model(trained, tmp_path):
    """An exported run to which somebody has given a template."""
    assert export(trained("--recipe fast --context 64"), tmp_path / "chat") == 0
    (tmp_path / "chat" / "chat_template.jinja").write_text(CHATML)
    return tmp_path / "chat"


def test_a_chat_is_written_by_the_template_and_answered_by_the_likeliest_tokens(chat_model, capsys):
    pytest.importorskip("jinja2", reason="baselines: needs the extra smollm2")
    chat = ["sample", "--model", str(chat_model), "--max-new-tokens", "12"]
    capsys.readouterr()
    for system in ([], ["--system", "Be short."]):
        before = f"system: {system[1]}\n" if system else ""
        assert main([*chat, *system, "--chat", "Why?"]) == 0
        answer = capsys.readouterr().out
        text = f"{before}user: Why?\nassistant: "
        assert main([*chat, "--prompt", text, "--temperature", "0"]) == 0
        assert capsys.readouterr().out == text + answer
    assert main([*chat, "--chat", "Why?", "--temperature", "2", "--seed", "1"]) == 0
    assert capsys.readouterr().out != answer


def test_a_chat_without_the_extra_says_how_to_get_it(chat_model, capsys, monkeypatch):
    for name in ("jinja2", "jinja2.exceptions", "jinja2.sandbox"):
        monkeypatch.setitem(sys.modules, name, None)
    call = ["sample", "--model", str(chat_model), "--chat", "Why?"]
    refused(capsys, call, "chat templates need the extra smollm2; in a clone: uv pip install -e")


def test_the_help_lists_every_command_that_there_is(capsys):
    assert GPT_PROGRAM.commands.keys() >= {"train", "sample", "eval", "export", "compare", "demo"}
    assert [
        name
        for name in GPT_PROGRAM.commands
        if not importlib.util.find_spec(f"gpt.commands.{name}")
    ] == []
    for call in (["--help"], ["-h"], []):
        assert main(call) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines if line.startswith("  ")] == list(
            GPT_PROGRAM.commands
        )


@pytest.mark.slow
@pytest.mark.usefixtures("smollm2_wheel")
def test_smollm2_knows_the_capital_of_france_and_answers_as_it_goes():
    pytest.importorskip("jinja2", reason="baselines: needs the extra smollm2")
    call = ["sample", "--model", "smollm2", "--chat", "What is the capital of France?"]
    with subprocess.Popen(
        [sys.executable, "-m", "gpt", *call, "--device", "cpu"], stdout=subprocess.PIPE, bufsize=0
    ) as process:
        pieces = []
        while piece := os.read(process.stdout.fileno(), 4096):
            pieces.append((time.monotonic(), piece))
    answer = b"".join(piece for _, piece in pieces).decode()
    assert process.returncode == 0
    assert "Paris" in answer
    # nothing is held back until the end: several pieces, none of them most of the answer
    assert len(pieces) >= 4
    assert max(len(piece) for _, piece in pieces) < len(answer) / 2
    assert pieces[-1][0] - pieces[0][0] > 0.02
