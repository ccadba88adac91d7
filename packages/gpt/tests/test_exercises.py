"""Solutions pass, stubs are stubs, and each check catches the mistakes people make."""

import math
from collections import Counter
from importlib import import_module
from itertools import pairwise

import pytest
import torch
from einops import rearrange, repeat

from gpt.exercises.__main__ import main, names, verdict
from gpt.model.attention import causal_mask
from gpt.model.rotary import to_halves
from gpt.model.gpt import GPT
from gpt.text.bpe import merge


def check(name, answer):
    import_module(f"gpt.exercises.check_{name}").check(answer)


def answer(home, name):
    return getattr(import_module(f"gpt.exercises.{home}.{name}"), name)


@pytest.mark.parametrize("name", names())
def test_the_solution_passes(name):
    check(name, answer("solutions", name))


@pytest.mark.parametrize("name", names())
def test_the_stub_is_open_until_a_reader_solves_it(name):
    assert verdict(name) in ("open", "solved")


def merges_chosen_by(choose):
    """`learn_merges` with another rule for the next pair."""

    def learn_merges(words, n_merges):
        merges = []
        for token in range(256, 256 + n_merges):
            pair = choose(words)
            if pair is None:
                break
            merges.append(pair)
            words = Counter({merge(word, pair, token): times for word, times in words.items()})
        return merges

    return learn_merges


def each_word_once(words):
    counts = Counter(pair for word in words for pair in pairwise(word))
    return min(counts, key=lambda pair: (-counts[pair], pair), default=None)


def first_seen(words):
    counts = Counter()
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    return max(counts, key=counts.__getitem__, default=None)


WRONG = {
    "count_parameters: a formula for GPT-2 alone": (
        "count_parameters",
        lambda c: (
            (c.vocab_size + c.context) * c.d_model
            + c.n_layers * (12 * c.d_model**2 + 13 * c.d_model)
            + 2 * c.d_model
        ),
    ),
    "forward_flops: two for each parameter": (
        "forward_flops",
        lambda config, n_tokens: 2 * n_tokens * GPT(config).n_parameters(),
    ),
    "writes: all read the first row": ("writes", lambda x, halves: [half(x) for half in halves]),
    "parallel_block: one after the other": (
        "parallel_block",
        lambda x, norm, attention, mlp: (y := x + attention(norm(x))) + mlp(norm(y)),
    ),
    "parallel_block: the row is lost": (
        "parallel_block",
        lambda x, norm, attention, mlp: attention(norm(x)) + mlp(norm(x)),
    ),
    "gelu_slope: the exact form": (
        "gelu_slope",
        lambda x: (
            (1 + math.erf(x / 2**0.5)) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        ),
    ),
    "fold_norm: the gain multiplies the rows": (
        "fold_norm",
        lambda gain, bias, weight: (
            weight * gain[: len(weight), None] if len(gain) >= len(weight) else weight,
            weight @ bias,
        ),
    ),
    "fold_norm: the bias is forgotten": (
        "fold_norm",
        lambda gain, bias, weight: (weight * gain, weight @ (0 * bias)),
    ),
    "learn_merges: words are not weighed": ("learn_merges", merges_chosen_by(each_word_once)),
    "learn_merges: ties go to the first seen": ("learn_merges", merges_chosen_by(first_seen)),
    "mean_loss: mean of means": (
        "mean_loss",
        lambda pieces: sum(mean for mean, _ in pieces) / len(pieces),
    ),
    "mean_loss: a piece without terms is not left out": (
        "mean_loss",
        lambda pieces: sum(m * n for m, n in pieces) / sum(n for _, n in pieces),
    ),
    "share_heads: copies of the whole in place of copies of each head": (
        "share_heads",
        lambda x, n_heads: repeat(x, "B J S K -> B (group J) S K", group=n_heads // x.shape[1]),
    ),
    "share_heads: nothing is copied": ("share_heads", lambda x, n_heads: x),
    "to_pairs: the same order as to_halves": ("to_pairs", to_halves),
    "to_pairs: all heads as if they were one": (
        "to_pairs",
        lambda weight, n_heads: rearrange(weight, "(two half) ... -> (half two) ...", two=2),
    ),
    "window_mask: one key too many": (
        "window_mask",
        lambda n_queries, n_keys, window: causal_mask(n_queries, n_keys).triu(
            n_keys - n_queries - window
        ),
    ),
    "window_mask: the first query stands at the first key": (
        "window_mask",
        lambda n_queries, n_keys, window: (
            torch.ones(n_queries, n_keys, dtype=torch.bool).tril().triu(1 - window)
        ),
    ),
    "warmup_stable_decay: the climb starts at 0": (
        "warmup_stable_decay",
        lambda step, steps, warmup, decay, peak: (
            peak * min(step / max(warmup, 1), 1, (steps - step) / (decay + 1))
        ),
    ),
    "warmup_stable_decay: it never descends": (
        "warmup_stable_decay",
        lambda step, steps, warmup, decay, peak: peak * min((step + 1) / max(warmup, 1), 1),
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_answer_fails(mistake):
    name, wrong = WRONG[mistake]
    with pytest.raises(AssertionError):
        check(name, wrong)


def test_every_exercise_has_a_wrong_answer_here():
    assert {name for name, _ in WRONG.values()} == set(names())


def test_the_command_lists_every_exercise(capsys):
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == names()


def test_an_answer_that_raises_is_not_yet_right(monkeypatch):
    monkeypatch.setattr("gpt.exercises.mine.mean_loss.mean_loss", lambda pieces: pieces[99])
    assert verdict("mean_loss") == "not yet: IndexError: list index out of range"


def test_the_command_says_what_is_wrong_and_what_is_solved(capsys, monkeypatch):
    monkeypatch.setattr("gpt.exercises.mine.mean_loss.mean_loss", lambda pieces: 0.0)
    solution = answer("solutions", "learn_merges")
    monkeypatch.setattr("gpt.exercises.mine.learn_merges.learn_merges", solution)
    main()
    lines = capsys.readouterr().out.splitlines()
    assert "learn_merges: solved" in lines
    assert "mean_loss: not yet: equal pieces: [(2.0, 4), (4.0, 4)] have the mean 3.0, not 0.0" in (
        lines
    )
