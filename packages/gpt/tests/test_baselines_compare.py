"""`gpt compare` on this machine: fast groups by default, the others marked as slow."""

import json
import sys

import pytest

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

from gpt.cli import main
from gpt.commands.compare import equality_groups

pytestmark = pytest.mark.baselines

FIELDS = {
    "name", "library", "max_abs_diff", "tolerance", "ours_s", "library_s", "speedup", "floor", "ok",
}  # fmt: skip
QUICK = [name for name, _ in equality_groups() if name != "SmolLM2"]


def rows_of(capsys, *options):
    status = main(["compare", "--json", *options])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row.keys() >= FIELDS for row in rows)
    return status, {row["name"]: row for row in rows}


@pytest.mark.parametrize("group", QUICK)
def test_every_row_of_the_group_is_equal(group, documentation, capsys, monkeypatch):
    monkeypatch.setattr("gpt.comparison.equality.python_documentation", lambda: documentation)
    status, rows = rows_of(capsys, "--only", group, "--no-speed")
    assert [name for name, row in rows.items() if not row["ok"]] == []
    assert rows and status == 0


@pytest.mark.slow
@pytest.mark.usefixtures("smollm2_wheel")
def test_smollm2_is_equal_to_the_librarys_loading_of_the_same_file(capsys):
    status, rows = rows_of(capsys, "--only", "SmolLM2", "--no-speed")
    assert [name for name, row in rows.items() if not row["ok"]] == []
    assert len(rows) == 4 and status == 0


@pytest.mark.slow
@pytest.mark.parametrize("group", ["training step tiny eager", "decoding tiny"])
def test_a_timed_group_is_equal_and_has_times(group, capsys):
    status, rows = rows_of(capsys, "--only", group)
    (row,) = rows.values()
    assert row["ok"] and status == 0
    assert row["ours_s"] > 0 and row["library_s"] > 0 and row["floor"] > 1


def test_a_wrong_model_is_found(capsys, monkeypatch):
    from gpt.comparison import equality

    monkeypatch.setattr(equality, "rotate", lambda x, angles: x)
    status, rows = rows_of(capsys, "--only", "RoPE", "--no-speed")
    assert not rows["RoPE, halves (Llama)"]["ok"]
    assert rows["RoPE, interleaved (GPT-J)"]["ok"]
    assert status == 1


def test_the_table_says_what_is_equal(capsys):
    assert main(["compare", "--only", "optimizers", "--no-speed"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "AdamW" in line)
    assert line.split()[-1] == "ok"


def test_a_group_that_does_not_exist_gets_the_names_of_those_that_do(capsys):
    assert main(["compare", "--only", "BERT", "--no-speed"]) == 2
    assert "no group of rows is called 'BERT'; there are BPE, attention" in capsys.readouterr().err


def test_without_the_extra_the_command_names_it(capsys, monkeypatch):
    import gpt

    monkeypatch.delattr(gpt, "baselines", raising=False)
    monkeypatch.setitem(sys.modules, "gpt.baselines", None)
    assert main(["compare", "--only", "BPE"]) == 2
    assert "baselines" in capsys.readouterr().err
