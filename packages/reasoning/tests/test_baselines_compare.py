"""`reasoning compare` on this machine: the untimed groups; timed groups are marked slow."""

import json
import sys

import pytest

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

from reasoning.cli import main
from reasoning.commands.compare import compared_groups
from reasoning.comparison import answer_rows, distillation_rows, grpo_speed, sampling_rows
from reasoning.comparison.grpo_speed import StepBenchmark
from reasoning.distillation.loss import distillation_loss
from reasoning.evaluation import baselines as evaluation_baselines
from reasoning.evaluation.awkward_answers import read_awkward_answers
from reasoning.voting.votes import majority_vote

pytestmark = pytest.mark.baselines

FIELDS = {
    "name", "library", "max_abs_diff", "tolerance", "ours_s", "library_s", "speedup", "floor", "ok",
}  # fmt: skip


def rows_of(capsys, *options):
    status = main(["compare", "--json", *options])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row.keys() >= FIELDS for row in rows)
    return status, rows


@pytest.mark.parametrize("group", [name for name, _ in compared_groups(timed=False)])
def test_every_row_of_the_group_is_equal(group, capsys):
    status, rows = rows_of(capsys, "--only", group, "--no-speed")
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert rows and status == 0


@pytest.mark.slow
@pytest.mark.parametrize("group", ["GRPO speed", "self-consistency"])
def test_a_timed_group_is_equal_and_has_times(group, capsys):
    status, rows = rows_of(capsys, "--only", group)
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert all(row["ours_s"] > 0 and row["library_s"] > 0 and row["floor"] for row in rows)
    assert len(rows) == 2 and status == 0


def test_without_the_extra_the_error_names_it(capsys, monkeypatch):
    import reasoning

    monkeypatch.delattr(reasoning, "baselines", raising=False)
    monkeypatch.setitem(sys.modules, "reasoning.baselines", None)
    assert main(["compare", "--only", "GRPO"]) == 2
    assert "baselines" in capsys.readouterr().err


def test_a_loss_without_its_temperature_factor_makes_the_rows_unequal(monkeypatch, capsys):
    def without_factor(student, teacher, mask, temperature, beta):
        found = distillation_loss(student, teacher, mask, temperature, beta)
        return found._replace(total=found.total / temperature**2)

    monkeypatch.setattr(distillation_rows, "distillation_loss", without_factor)
    status, rows = rows_of(capsys, "--only", "distillation", "--no-speed")
    assert not any(row["ok"] for row in rows) and status == 1


def test_samples_at_another_temperature_are_counted(monkeypatch):
    monkeypatch.setattr(sampling_rows, "N_COMPARED_SAMPLES", 4)
    monkeypatch.setattr(sampling_rows, "N_TOKENS", 12)
    assert all(row.is_equal for row in sampling_rows.sampling_rows(timed=False))
    monkeypatch.setitem(sampling_rows.LIBRARY_SAMPLING, "temperature", 3.0)
    assert all(row.max_abs_diff > 4 for row in sampling_rows.sampling_rows(timed=False))


def test_a_timed_sampling_row_has_its_floor_and_both_times(monkeypatch):
    monkeypatch.setattr(sampling_rows, "N_COMPARED_SAMPLES", 4)
    monkeypatch.setattr(sampling_rows, "N_TOKENS", 5)
    batched, calls = sampling_rows.sampling_rows(timed=True)
    assert (batched.floor, calls.floor) == (1.5, 5.0)
    assert all(row.is_equal and row.speedup > 0 for row in (batched, calls))


def test_wrong_verdicts_are_counted(monkeypatch):
    few = [row for row in read_awkward_answers() if not row.differs][:12]
    for module in (answer_rows, evaluation_baselines):
        monkeypatch.setattr(module, "read_awkward_answers", lambda: few)
    assert answer_rows.verdict_row().is_equal
    monkeypatch.setattr(evaluation_baselines, "our_verdict", lambda row: not row.right)
    assert answer_rows.verdict_row().max_abs_diff == 12


def test_votes_that_count_answers_without_a_value_are_counted(monkeypatch):
    monkeypatch.setattr(answer_rows, "N_VOTES", 8)
    assert answer_rows.vote_row().is_equal

    def least_common(answers):
        ranked = [answer for answer in answers if answer is not None]
        rarest = min(ranked, key=ranked.count) if ranked else None
        return rarest if rarest != majority_vote(answers) else None

    monkeypatch.setattr(answer_rows, "majority_vote", least_common)
    assert answer_rows.vote_row().max_abs_diff > 0


SMALL = StepBenchmark(n_prompts=2, group_size=4, n_tokens=6, steps=1, micro_batch_size=4)


@pytest.mark.parametrize("stop", [grpo_speed.NO_STOP, grpo_speed.TOKENIZER.end_of_text])
def test_a_timed_step_has_both_times_and_equal_weights(stop):
    size = StepBenchmark(**vars(SMALL) | {"stop": stop})
    row = grpo_speed.timed_step_row(size, 2.0)
    assert row.is_equal and row.floor == 2.0 and row.ours_s > 0 and row.library_s > 0
    if stop == grpo_speed.NO_STOP:
        assert row.note == "6.0 tokens per answer, the library's have 6.0"


def test_an_update_in_the_other_direction_makes_the_timed_row_unequal(monkeypatch):
    def reversed_loss(policy, batch, config):
        found = minibatch_loss(policy, batch, config)
        return found._replace(loss=found.loss._replace(total=-found.loss.total))

    minibatch_loss = grpo_speed.minibatch_loss
    monkeypatch.setattr(grpo_speed, "minibatch_loss", reversed_loss)
    assert not grpo_speed.timed_step_row(SMALL, 2.0).is_equal
