"""`finetune compare` on this machine: the groups without a clock; the rest is slow."""

import json
import sys

import pytest

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

from finetune.cli import main
from finetune.commands.compare import all_groups
from finetune.comparison import trainers

pytestmark = pytest.mark.baselines

FIELDS = {
    "name", "library", "max_abs_diff", "tolerance", "ours_s", "library_s", "speedup", "floor", "ok",
}  # fmt: skip


def rows_of(capsys, *options):
    status = main(["compare", "--json", *options])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row.keys() >= FIELDS for row in rows)
    return status, rows


# the trainers of the slow ones are compared on fewer steps in test_baselines_trainers.py
SLOW = {"reward tiny", "DPO ipo tiny", "DPO robust tiny"}
GROUPS = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name, _ in all_groups(timed=False)
]


@pytest.mark.parametrize("group", GROUPS)
def test_every_row_of_the_group_is_equal(group, capsys):
    status, rows = rows_of(capsys, "--only", group, "--no-speed")
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert rows and status == 0


@pytest.mark.slow
@pytest.mark.parametrize("group", ["SFT tiny", "reward tiny", "DPO sigmoid tiny"])
def test_a_timed_group_is_equal_and_has_times(group, capsys):
    status, (losses, weights) = rows_of(capsys, "--only", group)
    assert losses["ok"] and weights["ok"] and status == 0
    assert losses["ours_s"] > 0 and losses["library_s"] > 0 and losses["floor"] > 1


def test_a_wrong_loss_is_found(capsys, monkeypatch):
    monkeypatch.setattr(trainers, "mean_logprob", lambda sums, n_tokens: sums)
    status, rows = rows_of(capsys, "--only", "DPO ipo", "--no-speed")
    assert not rows[0]["ok"] and status == 1


def test_a_group_that_does_not_exist_gets_the_names_of_those_that_do(capsys):
    assert main(["compare", "--only", "GRPO", "--no-speed"]) == 2
    said = capsys.readouterr().err
    assert "no group of rows is called 'GRPO'; there are SFT tiny, reward tiny" in said


def test_without_the_extra_the_command_names_it(capsys, monkeypatch):
    import finetune

    monkeypatch.delattr(finetune, "baselines", raising=False)
    monkeypatch.setitem(sys.modules, "finetune.baselines", None)
    assert main(["compare", "--only", "SFT"]) == 2
    assert "baselines" in capsys.readouterr().err
