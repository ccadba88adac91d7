"""Training on words: reading, counting, learning, and resuming to the same bits."""

import json
import math
import random
import re
import runpy
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest

from handcalc.cli import main
from handcalc.gradients.check import max_difference
from handcalc.model.transformer import forward
from handcalc.model.weights import Shape, initial_weights
from handcalc.model.weights_file import load_weights
from handcalc.training.evaluation import bigram_loss, held_out_loss, unigram_entropy
from handcalc.training.generation import generate_word
from handcalc.training.optimizers import OPTIMIZERS, update
from handcalc.training.run_folder import RunFolder
from handcalc.training.training import (
    TrainConfig,
    initial_state,
    shuffled_words,
    train,
)
from handcalc.training.words import Words, library_names, read_words, spell, split_words

TEN = ["ab", "abba", "baa", "bab", "bb", "aa", "aba", "bba", "aab", "abb"]
TINY = TrainConfig(steps=12, d_model=4, n_heads=2, d_ff=5, context=4)


def test_the_split_depends_only_on_the_words_and_the_seed():
    words = split_words([*TEN, "ab", "ab"], seed=1)
    assert sorted(words.training + words.held_out) == sorted(TEN)
    assert len(words.held_out) == 1 and words.characters == "ab"
    assert words == split_words(TEN[::-1], seed=1) != split_words(TEN, seed=2)
    assert len(split_words([str(n) for n in range(20_000)], seed=1).held_out) == 1000
    with pytest.raises(ValueError, match="at least ten different words, and there are 9"):
        split_words([*TEN[:9], *TEN[:9]], seed=1)


def test_a_word_is_spelled_from_end_to_end():
    assert spell("abba", "ab", 9) == ([0, 1, 2, 2, 1], [1, 2, 2, 1, 0])
    assert spell("abba", "ab", 5) == ([0, 1, 2, 2, 1], [1, 2, 2, 1, 0])
    assert spell("abba", "ab", 3) == ([0, 1, 2], [1, 2, 2])  # cut: its end is not learned


def test_a_file_of_words_is_split_at_white_space(tmp_path):
    (tmp_path / "words").write_text("cat dog\n\n  émile\tcat", encoding="utf-8")
    assert read_words(tmp_path / "words") == ["cat", "dog", "émile", "cat"]
    (tmp_path / "words").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        read_words(tmp_path / "words")


NAMES = Path(__file__).parents[1] / "scripts" / "names.py"


@pytest.fixture(scope="module")
def found():
    """Names from this Python's library, read once because it takes seconds."""
    return library_names()


def test_names_from_this_pythons_library_are_words(found):
    assert {"append", "read_token"} & set(found) and len(found) > 3000
    assert all(re.fullmatch("[a-z][a-z_]{2,14}", name) for name in found)


def test_the_script_always_draws_the_same_names(found, capsys, monkeypatch):
    monkeypatch.setattr("handcalc.training.words.library_names", found.copy)
    monkeypatch.setattr(sys, "argv", ["names.py", "30"])
    printed = []
    for _ in range(2):
        runpy.run_path(str(NAMES), run_name="__main__")
        printed.append(capsys.readouterr().out.split())
    names, again = printed
    assert names == again and len(set(names)) == 30 and names != sorted(names)
    assert set(names) <= set(found)


@pytest.mark.slow
def test_two_processes_draw_the_same_names(found):
    printed = [
        subprocess.run([sys.executable, NAMES, "30"], capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert printed[0] == printed[1] and len({*printed[0].decode().split()} & set(found)) == 30


def test_counting_by_hand():
    # a comes 3 times, b once and the end twice
    words = ["aab", "a"]
    shares = [3 / 6, 1 / 6, 2 / 6]
    assert unigram_entropy(words, "ab") == pytest.approx(-sum(p * math.log(p) for p in shares))
    # after the end: a, a. after a: a, b, end. after b: end. One more for each of three.
    expected = [(2 + 1) / (2 + 3), (1 + 1) / (3 + 3), (1 + 1) / (1 + 3)]  # of END a, a b, b END
    loss = -sum(map(math.log, expected)) / 3
    assert bigram_loss(words, ["ab"], "ab", context=9) == pytest.approx(loss)
    assert bigram_loss(words, ["ab"], "ab", context=1) == pytest.approx(-math.log(3 / 5))
    # held-out words are cut at the context, those that are counted are not
    loss = -math.log(3 / 5) - math.log(2 / 6)
    assert bigram_loss(words, ["ab"], "ab", context=2) == pytest.approx(loss / 2)
    # a character counts the same in a short word and in a long one: of "a", END a and a END
    five = -sum(map(math.log, [*expected, 3 / 5, 2 / 6]))
    assert bigram_loss(words, ["ab", "a"], "ab", context=9) == pytest.approx(five / 5)


def test_every_word_comes_once_in_a_pass_and_passes_differ():
    words = split_words(TEN, seed=1)
    order = list(islice(shuffled_words(words, 1, 0), 27))
    passes = [order[:9], order[9:18], order[18:]]
    assert all(sorted(each) == sorted(words.training) for each in passes)
    assert passes[0] != passes[1] != passes[2]
    assert order != list(islice(shuffled_words(words, 2, 0), 27))
    for n in (1, 8, 9, 13):
        assert list(islice(shuffled_words(words, 1, n), 27 - n)) == order[n:]


def test_a_few_words_are_learned():
    words = Words(["ab"] * 9, ["ab"], "ab")
    config = TrainConfig(steps=200, d_model=4, n_heads=2, d_ff=5, context=4, learning_rate=0.05)
    state = initial_state(config, words)
    assert held_out_loss(config, words, state) == pytest.approx(math.log(3), abs=0.2)
    *_, last = train(config, words, state)
    assert held_out_loss(config, words, last.state) < 0.1
    draws = random.Random(0)
    assert [generate_word(last.state.weights, "pre-ln", "ab", draws, 0.5) for _ in range(5)] == [
        "ab"
    ] * 5


def test_training_is_adamw_with_a_rate_that_falls_to_zero():
    words = split_words(TEN, seed=1)
    config = replace(TINY, steps=3, learning_rate=0.03, block="post-ln", seed=7)
    records = list(train(config, words, initial_state(config, words)))
    weights, memory = initial_weights(Shape(3, 4, 4, 2, 5), "post-ln", 7), {}
    order = islice(shuffled_words(words, 7, 0), 3)
    for record, word, rate in zip(records, order, (0.03, 0.02, 0.01), strict=True):
        c = forward(weights, *spell(word, "ab", 4), "post-ln")
        c.backward()
        weights, memory = update(c, OPTIMIZERS["adamw"], memory, record.step, rate=rate)
        assert record.loss == c.values["loss"]
        for name in weights:
            assert max_difference(record.state.weights[name], weights[name]) < 1e-15
    assert [record.step for record in records] == [1, 2, 3]


def test_the_held_out_loss_is_a_mean_over_characters():
    words = Words(TEN, ["a", "abb"], "ab")
    state = initial_state(TINY, words)
    each = [held_out_loss(TINY, words._replace(held_out=[word]), state) for word in words.held_out]
    expected = (2 * each[0] + 4 * each[1]) / 6
    assert held_out_loss(TINY, words, state) == pytest.approx(expected, abs=1e-12)
    assert each[0] == forward(state.weights, [0, 1], [1, 0], "pre-ln").values["loss"] != each[1]


def test_the_temperature_sharpens_and_the_context_ends_a_word():
    weights = initial_weights(Shape(vocab_size=3, n_positions=4), "pre-ln")
    draws = random.Random(0)
    found = [generate_word(weights, "pre-ln", "ab", draws) for _ in range(200)]
    assert max(map(len, found)) == 4 and min(map(len, found)) == 0
    cold = {generate_word(weights, "pre-ln", "ab", draws, temperature=0.01) for _ in range(20)}
    assert len(cold) == 1


def test_a_stopped_run_resumes_to_the_same_bits(tmp_path):
    words, folder = split_words(TEN, seed=1), RunFolder(tmp_path / "run")
    *_, expected = train(TINY, words, initial_state(TINY, words))
    folder.begin(TINY, words, initial_state(TINY, words))
    for record in train(TINY, words, initial_state(TINY, words)):
        with folder.log.open("a") as log:
            entry = {"step": record.step, "loss": record.loss, "seconds": 0.0}
            log.write(json.dumps(entry) + "\n")
        if record.step == 5:
            folder.save(TINY, words, record.state)
        if record.step == 7:  # two steps are logged that no file of weights holds
            break
    config, again, state = folder.load()
    assert (config, again, state.step) == (TINY, words, 5)
    assert len(folder.log.read_text("utf-8").splitlines()) == 5
    *_, found = train(config, again, state)
    assert (found.step, found.loss) == (expected.step, expected.loss)
    assert vars(found.state) == vars(expected.state)


CALL = [sys.executable, "-m", "handcalc", "train"]


def small(path, *more):
    sizes = ["--d-model", "4", "--d-ff", "4", "--n-heads", "2", "--context", "6"]
    return [str(path / "words"), "--runs", str(path / "runs"), *sizes, *more]


@pytest.fixture
def words_file(tmp_path):
    (tmp_path / "words").write_text("\n".join(TEN), encoding="utf-8")
    return tmp_path


def model_of(path, name="words"):
    return (path / "runs" / name / "model.json").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_ends_like_one_that_was_not(words_file, number):
    if number == signal.SIGINT and sys.platform == "win32":
        pytest.skip("baselines: Windows sends no Ctrl-C to one process")
    whole = small(words_file, "--steps", "900", "--name", "whole")
    assert subprocess.run(CALL + whole, capture_output=True, check=False).returncode == 0
    run = subprocess.Popen(CALL + small(words_file, "--steps", "900"), stderr=subprocess.PIPE)
    log = words_file / "runs" / "words" / "log.jsonl"
    while not log.is_file() or len(log.read_bytes()) < 4000:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(number)
    said = run.communicate()[1].decode()
    if number == signal.SIGINT:
        assert run.returncode == 130 and "continue with: handcalc train --resume" in said
    folder = words_file / "runs" / "words"
    assert load_weights(folder / "model.json")["step"] < 900
    assert main(["train", "--resume", str(folder)]) == 0
    assert model_of(words_file) == model_of(words_file, "whole")
    assert [json.loads(line)["step"] for line in log.read_text("utf-8").splitlines()] == [
        *range(1, 901)
    ]


def test_the_report(words_file, capsys):
    assert main(["train", *small(words_file, "--steps", "30", "--json")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 30 and found["words"] == 10 and len(found["samples"]) == 12
    words = split_words(TEN, 42)
    assert found["bigram_loss"] == bigram_loss(words.training, words.held_out, "ab", 6)
    assert 0 < found["held_out_loss"] < 2
    assert main(["train", *small(words_file)]) == 2
    assert "already holds a run; continue with: handcalc train --resume" in capsys.readouterr().err
    assert main(["train", *small(words_file, "--steps", "30", "--overwrite")]) == 0
    said = capsys.readouterr().out
    assert "generated words" in said and f"{found['held_out_loss']:.3f}  this model" in said


def write_weights(path, block, weights, **more):
    content = {"shape": asdict(Shape()), "block": block, "weights": weights, **more}
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_weights_file_restores_the_weights(tmp_path):
    path, weights = tmp_path / "w.json", initial_weights(Shape(), "post-ln")
    write_weights(path, "post-ln", weights, note="more")
    content = load_weights(path)
    assert content["weights"] == weights and list(content["weights"]) == list(weights)
    assert content["block"] == "post-ln" and content["note"] == "more"
    assert Shape(**content["shape"]) == Shape()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: "{", "is not a file of weights"),
        (lambda c: "[]", "is not a file of weights"),
        (lambda c: json.dumps({"weights": {}}), "is not a file of weights"),
        (lambda c: json.dumps(c | {"block": "other"}), "do not have the shape"),
        (lambda c: json.dumps(c | {"weights": c["weights"] | {"W_O": [[1.0]]}}), "the shape"),
        (lambda c: json.dumps(c | {"weights": c["weights"] | {"W_O": [["x"]]}}), "is not a file"),
        (lambda c: json.dumps(c | {"weights": c["weights"] | {"W_O": [[1.0], []]}}), "is not a"),
        (lambda c: json.dumps(c | {"weights": c["weights"] | {"b_1": 1}}), "is not a file"),
        (lambda c: json.dumps(c | {"weights": {"W_O": c["weights"]["W_O"]}}), "the shape"),
    ],
)
def test_a_damaged_weights_file_is_refused(tmp_path, damage, message):
    path = tmp_path / "w.json"
    write_weights(path, "pre-ln", initial_weights(Shape(), "pre-ln"))
    path.write_text(damage(json.loads(path.read_text("utf-8"))), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_weights(path)


def model(change):
    return "model.json", change


def config(change):
    return "config.json", change


@pytest.mark.parametrize(
    "damage",
    [
        model(lambda c: c.pop("memory")),
        model(lambda c: c.update(memory=[1])),
        model(lambda c: c.update(memory={})),
        model(lambda c: c["memory"].popitem()),
        model(lambda c: c["memory"]["W_O.m"].pop()),
        model(lambda c: c["memory"].update({"W_O.m": [[1.0, 2.0], [3.0]]})),
        model(lambda c: c["memory"].update({"W_O.M": c["memory"].pop("W_O.m")})),
        model(lambda c: c.update(step="2")),
        model(lambda c: c.update(step=-1)),
        model(lambda c: c.update(step=3)),
        model(lambda c: c.update(step=0)),
        model(lambda c: c.update(characters="ba")),
        model(lambda c: c.update(block="residual")),
        model(lambda c: c["weights"]["b_1"].append(float("nan"))),
        model(lambda c: c["weights"]["b_1"].__setitem__(0, float("inf"))),
        config(lambda c: c.clear()),
        config(lambda c: c["config"].update(block="other")),
        config(lambda c: c["config"].update(block="residual")),
        config(lambda c: c["config"].update(d_model=8)),
        config(lambda c: c["config"].update(context=9)),
        config(lambda c: c["config"].update(depth=2)),
        config(lambda c: c["words"].update(held_out=[])),
        config(lambda c: c["words"].update(training=[])),
        config(lambda c: c["words"].update(characters="xy")),
    ],
)
def test_a_damaged_run_is_refused(words_file, capsys, damage):
    main(["train", *small(words_file, "--steps", "2")])
    folder, (name, change) = words_file / "runs" / "words", damage
    content = json.loads((folder / name).read_text("utf-8"))
    change(content)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    capsys.readouterr()
    assert main(["train", "--resume", str(folder)]) == 2
    assert folder.name in capsys.readouterr().err


def test_a_replaced_run_has_no_config_until_it_is_complete(words_file, monkeypatch):
    main(["train", *small(words_file, "--steps", "2")])
    folder = RunFolder(words_file / "runs" / "words")
    parts = folder.load()
    monkeypatch.setattr(folder, "save", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        folder.begin(*parts)
    with pytest.raises(ValueError, match="there is no run"):
        folder.load()


def test_training_continues_when_stderr_is_closed(words_file):
    call = CALL + small(words_file, "--steps", "40")
    run = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stderr.close()
    assert b"generated words" in run.stdout.read()
    run.stdout.close()
    assert run.wait() == 0
    assert load_weights(words_file / "runs" / "words" / "model.json")["step"] == 40


def test_the_time_of_earlier_sessions_counts(words_file, capsys):
    main(["train", *small(words_file, "--steps", "3")])
    folder = words_file / "runs" / "words"
    (folder / "log.jsonl").write_text(
        "".join(json.dumps({"step": n, "loss": 1.0, "seconds": 60.0 * n}) + "\n" for n in (1, 2, 3))
        + '{"step": 4, "lo',
        encoding="utf-8",
    )
    capsys.readouterr()
    main(["train", "--resume", str(folder), "--json"])
    assert 180 < json.loads(capsys.readouterr().out)["seconds"] < 190
