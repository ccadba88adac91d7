"""The table: its rows on a few problems, its file, its intervals and its claims."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gpt.errors import BadInput
from reasoning.cli import main
from reasoning.search.cost import Cost
from reasoning.search.tree_policy import uct
from reasoning.start.data import Tasks
from reasoning.start.gate import fresh_chains, held_out_puzzles
from reasoning.start.shipped import load_start_model
from reasoning.table.chain_rows import CHAIN_ROWS, chain_vote
from reasoning.table.claims import CHAIN_CLAIMS, COUNTDOWN_CLAIMS, Claim, check_claims
from reasoning.table.countdown_rows import COUNTDOWN_ROWS
from reasoning.table.measure import ROWS_FILE, RowKey, append_row, open_table, read_rows
from reasoning.table.report import paired_gain, row_rate
from reasoning.table.sample_rows import (
    attempts_row,
    best_by_end_test,
    best_by_process,
    puzzle_sample,
    puzzle_vote,
    vote_by_process,
)
from reasoning.table.search_rows import (
    beam_row,
    mcts_row,
    model_and_own_verdict,
    model_process_and_end_test,
    random_play_and_end_test,
    random_play_and_rollouts,
)
from reasoning.table.setting import Outcome, Setting
from reasoning.tasks.chain import Chain
from reasoning.verifier.model import as_verifier

N = 4


@pytest.fixture(scope="module")
def setting():
    tasks = Tasks.load(30, 1)
    verifier = as_verifier(load_start_model().model).eval()  # every value is 1/2
    model = load_start_model().model
    return Setting(held_out_puzzles(tasks, N), fresh_chains(tasks, N), model, verifier, 0)


def rights(outcomes):
    return [outcome.right for outcome in outcomes]


def test_rows_of_samples_share_them(setting):
    samples = setting.traces("countdown", 32)
    one, oracle = puzzle_sample(setting, 1.0), best_by_end_test(setting, 32)
    assert setting.traces("countdown", 32) is samples
    assert len(one) == len(oracle) == N
    assert all(a <= b for a, b in zip(rights(one), rights(oracle), strict=True))
    # every choice among 8 costs the same samples
    vote, chosen = puzzle_vote(setting, 8), best_by_process(setting, 8)
    assert [a.cost.generated for a in vote] == [b.cost.generated for b in chosen]
    assert all(a.cost.read == 0 < b.cost.read for a, b in zip(vote, chosen, strict=True))
    # the values are all 1/2: every answer has the same weight, and the first answer is taken
    assert rights(vote_by_process(setting, 8)) == rights(vote)
    of_answer = best_by_process(setting, 8, of_answer=True)
    assert rights(of_answer) == rights(chosen)
    assert [a.cost.read for a in of_answer] != [b.cost.read for b in chosen]


def test_attempts_are_bounded_and_cost_more_the_more_there_are(setting):
    one, four = attempts_row(setting, 1), attempts_row(setting, 4)
    assert sum(each.cost.generated for each in one) < sum(each.cost.generated for each in four)


def test_searches_stay_within_their_states(setting):
    for row in (
        mcts_row(setting, random_play_and_end_test),
        mcts_row(setting, model_process_and_end_test),
        mcts_row(setting, random_play_and_rollouts, uct),
    ):
        assert all(0 < each.cost.evaluated <= 64 for each in row)
        assert set(rights(row)) <= {0.0, 1.0}


def test_a_beam_that_keeps_more_reads_more(setting):
    narrow, wide = (beam_row(setting, model_and_own_verdict, n) for n in (1, 4))
    assert sum(each.cost.read for each in narrow) < sum(each.cost.read for each in wide)


def test_a_vote_counts_numbers_only(setting):
    chain = Chain(7, (("+", 12),))
    texts = ["7 + 12 = 19 ; answer 19", *["7 + 12 ="] * 4, "7 + 12 = 18 ; answer 18"]
    alone = replace(setting, chains=[chain], sampled={("chain", "think", 1.0, 32): [texts]})
    [outcome] = chain_vote(alone, 6, 1.0)
    assert outcome == Outcome(1.0, Cost(9 + 4 * 5 + 9))  # each text and its end


def test_the_rate_of_a_row_by_hand():
    def outcomes(*right):
        return [Outcome(float(each), Cost(10 * k, k, 2)) for k, each in enumerate(right)]

    rate = row_rate([outcomes(1, 0, 1, 0), outcomes(1, 1, 1, 0)])
    assert rate.right == 5 / 8
    assert rate.by_seed == [0.5, 0.75]
    assert (rate.generated, rate.read, rate.evaluated) == (15, 1.5, 2)
    assert rate.low <= rate.right <= rate.high
    with pytest.raises(BadInput, match="at least one problem"):
        row_rate([])


def test_gains_are_paired_over_problems():
    def outcomes(right):
        return [[Outcome(float(each), Cost()) for each in right]]

    better = np.array([1.0, 1.0, 0.0, 1.0] * 25)
    # always 0.1: there is nothing to be uncertain about
    gain = paired_gain(outcomes(better), outcomes(better - 0.1))
    assert gain.low == pytest.approx(0.1) and gain.high == pytest.approx(0.1)
    noisy = paired_gain(outcomes(better), outcomes(np.roll(better, 1)))
    assert noisy.estimate == 0 and noisy.low < 0 < noisy.high
    # seeds are averaged first, so differences that cancel over the seeds do not widen the interval
    even = paired_gain(outcomes([1, 0] * 50) + outcomes([0, 1] * 50), outcomes([0.5] * 100) * 2)
    assert even == (0, 0, 0)


def test_a_claim_holds_if_its_interval_is_above_its_points_and_its_cost_is_no_higher():
    rows = {"a": [[Outcome(1.0, Cost(9, 2))] * 50], "b": [[Outcome(0.8, Cost(8, 2))] * 50]}
    claims = (
        *(Claim("a", "b", 19), Claim("a", "b", 21), Claim("b", "a"), Claim("a", "unmeasured")),
        Claim("a", "b", is_cheaper=True),
    )
    results = check_claims(claims, rows)
    assert [each.holds for each in results] == [True, False, False, False]
    assert [each.more_tokens for each in results] == [1, 1, -1, 1]
    equal = {"a": rows["a"], "b": [[Outcome(0.8, Cost(8, 3))] * 50]}
    assert check_claims(claims, equal)[-1].holds


def test_every_claim_is_about_rows_that_exist():
    for claims, rows in ((CHAIN_CLAIMS, CHAIN_ROWS), (COUNTDOWN_CLAIMS, COUNTDOWN_ROWS)):
        assert {name for claim in claims for name in claim[:2]} <= set(rows)


KEY = RowKey("chain", "steps", 0)


def test_rows_are_read_as_they_were_written_and_a_cut_line_is_left_out(tmp_path):
    outcomes = [Outcome(0.5, Cost(3, 2, 1)), Outcome(1.0, Cost(4))]
    append_row(tmp_path / ROWS_FILE, KEY, outcomes)
    with (tmp_path / ROWS_FILE).open("a") as file:
        file.write('{"task": "chain", "ro')  # killed while it was written
    # without its settings it is no table, and starts again
    assert open_table(tmp_path, {}, overwrite=False) == {}
    assert read_rows(tmp_path / ROWS_FILE) == {}
    append_row(tmp_path / ROWS_FILE, KEY, outcomes)
    with (tmp_path / ROWS_FILE).open("a") as file:
        file.write('{"task": "chain", "ro')
    assert open_table(tmp_path, {}, overwrite=False) == {KEY: outcomes}
    assert len((tmp_path / ROWS_FILE).read_text().splitlines()) == 1


def test_a_damaged_row_and_other_settings_are_refused(tmp_path):
    open_table(tmp_path, {"n_problems": 3}, overwrite=False)
    (tmp_path / ROWS_FILE).write_text("{}\n{}\n")
    with pytest.raises(BadInput, match="line 1 of .* is not a row"):
        open_table(tmp_path, {"n_problems": 3}, overwrite=False)
    with pytest.raises(BadInput, match="other settings"):
        open_table(tmp_path, {"n_problems": 4}, overwrite=False)
    assert open_table(tmp_path, {"n_problems": 4}, overwrite=True) == {}


def test_the_command_measures_what_is_missing_and_prints_json(tmp_path, capsys):
    options = ["--runs", str(tmp_path), "--n-problems", "2", "--n-seeds", "2", "--only", "greedy"]
    assert main(["table", *options, "--json"]) == 0
    first, messages = capsys.readouterr()
    rows = json.loads(first)["rows"]
    assert list(rows["chain"]) == ["steps, greedy"]
    assert list(rows["countdown"]) == ["one trace, greedy"]
    assert "seed 1, chain: steps, greedy" in messages
    assert (tmp_path / "table" / "costs.png").is_file()
    assert main(["table", *options, "--json"]) == 0
    again, messages = capsys.readouterr()
    assert again == first
    assert "seed" not in messages  # nothing was measured again
