"""`gpt inspect`: the page of a run, and the calls that are refused."""

import json
import re

import pytest

from gpt.cli import main

TEXT = "The list holds items. The items are numbers. A number is returned by the function.\n" * 60
NANO = "--device cpu --preset nano --context 16 --vocab-size 280 --batch-size 4 --steps 1"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run of one step and a file that is in the way."""
    home = tmp_path_factory.mktemp("home")
    (home / "text.txt").write_text(TEXT)
    (home / "taken.html").write_text("mine")
    assert main(f"train {NANO} --data {home / 'text.txt'} --runs {home} --name run".split()) == 0
    return home


def call(home, monkeypatch, *options):
    monkeypatch.chdir(home)
    return main(["inspect", *options])


def test_the_page_of_a_run_is_written(home, monkeypatch, capsys):
    assert call(home, monkeypatch, "--run", "run", "--prompt", "The list") == 0
    assert re.search(r"wrote inspect.html \(0.1 MB\)", capsys.readouterr().err)
    page = (home / "inspect.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script id="data".*?>(.*?)</script>', page, re.DOTALL)[1])
    assert data["model"] == "run"
    assert data["before"][-1] == "The list"
    assert len(data["continuations"]) > 0


def test_a_page_is_replaced_only_if_asked(home, monkeypatch, capsys):
    options = ["--run", "run", "--prompt", "items", "--to", "taken.html"]
    assert call(home, monkeypatch, *options) == 2
    assert "'taken.html' exists; replace it with --overwrite" in capsys.readouterr().err
    assert (home / "taken.html").read_text() == "mine"
    assert call(home, monkeypatch, *options, "--overwrite") == 0
    assert "Inside run" in (home / "taken.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--run", "run"], "there is no prompt; give a text to inspect, such as --prompt"),
        (["--run", "run", "--prompt", "The list holds items. " * 9], "this model reads 1 to 16"),
        (["--run", "gone", "--prompt", "a"], "there is no run in 'gone'; start one with"),
        (["--model", "./gone", "--prompt", "a"], "there is no model in './gone'"),
        (["--run", "run", "--prompt", "a", "--to", "gone/a.html"], "got 'gone/a.html'"),
        (["--run", "run", "--prompt", "a", "--to", "run"], "--to must name a file .* got 'run'"),
        (["--prompt", "a", "--top", "9"], "Unrecognized options: --top"),
    ],
    ids=["no prompt", "long", "no run", "no model", "no folder", "a folder", "no such option"],
)
def test_a_wrong_call_is_refused_in_one_sentence(options, message, home, monkeypatch, capsys):
    before = {path.name for path in home.iterdir()}
    assert call(home, monkeypatch, *options) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1
    assert {path.name for path in home.iterdir()} == before
