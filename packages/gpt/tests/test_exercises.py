"""Solutions pass, stubs are stubs, and each check catches the mistakes people make."""

import math
import runpy
import struct
from collections import Counter
from importlib import import_module
from itertools import pairwise

import pytest
import torch
from einops import rearrange, repeat

from gpt.exercises.verdicts import names, verdict
from gpt.model.attention import causal_mask
from gpt.model.gpt import GPT
from gpt.model.norms import rms_norm
from gpt.model.rotary import interleaved_to_halves

NAMES = names("gpt")


def check(name, answer):
    import_module(f"gpt.exercises.check_{name}").check(answer)


def answer(home, name):
    return getattr(import_module(f"gpt.exercises.{home}.{name}"), name)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes(name):
    check(name, answer("solutions", name))


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_open_until_a_reader_solves_it(name):
    assert verdict("gpt", name) in ("open", "solved")


def changes_without_neighbours(word, pair, token):
    occurrences = list(pairwise(word)).count(pair)
    return {pair: -occurrences} if occurrences else {}


def changes_as_if_apart(word, pair, token):
    """Right only if no two occurrences of the pair touch or overlap."""
    changes = Counter()
    for here, found in enumerate(pairwise(word)):
        if found == pair:
            changes[pair] -= 1
            if here:
                changes[word[here - 1], pair[0]] -= 1
                changes[word[here - 1], token] += 1
            if here + 2 < len(word):
                changes[pair[1], word[here + 2]] -= 1
                changes[token, word[here + 2]] += 1
    return {each: change for each, change in changes.items() if change}


def share_of_all(logits, p):
    return logits.masked_fill(logits.softmax(-1) < p, -torch.inf)


def one_limit_for_all_rows(logits, p):
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < p * probabilities.max(), -torch.inf)


def halves_in_turns(data):
    (scale,) = struct.unpack("<e", data[:2])
    return [scale * (q - 8) for byte in data[2:] for q in (byte & 15, byte >> 4)]


def q4_1_without_its_offset(data):
    (scale,) = struct.unpack("<e", data[:2])
    return [scale * q for q in [b & 15 for b in data[2:]] + [b >> 4 for b in data[2:]]]


def lion_with_one_mean(weight, gradient, mean, rate, betas, weight_decay):
    mean = betas[1] * mean + (1 - betas[1]) * gradient
    return (1 - rate * weight_decay) * weight - rate * ((mean > 0) - (mean < 0)), mean


def lion_that_shrinks_the_new_weight(weight, gradient, mean, rate, betas, weight_decay):
    fresh = betas[0] * mean + (1 - betas[0]) * gradient
    moved = weight - rate * ((fresh > 0) - (fresh < 0))
    return (1 - rate * weight_decay) * moved, betas[1] * mean + (1 - betas[1]) * gradient


def outputs_averaged(output_1, log_1, output_2, log_2):
    return (output_1 + output_2) / 2, log_1.logaddexp(log_2)


def divisors_that_overflow(output_1, log_1, output_2, log_2):
    one, two = log_1.exp(), log_2.exp()
    return (one * output_1 + two * output_2) / (one + two), (one + two).log()


WRONG = {
    "continue_repetition: the first occurrence decides": (
        "continue_repetition",
        lambda tokens: (tokens[tokens.index(tokens[-1]) + 1 :] or [None])[0],
    ),
    "continue_repetition: the token itself, as from a duplicate token head": (
        "continue_repetition",
        lambda tokens: tokens[-1] if tokens[-1] in tokens[:-1] else None,
    ),
    "merge_attention: a mean of means": ("merge_attention", outputs_averaged),
    "merge_attention: exponentials of large scores": ("merge_attention", divisors_that_overflow),
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
    "clip_factor: lengths are added": (
        "clip_factor",
        lambda lengths, clip: min(1.0, clip / max(sum(lengths), 1e-9)),
    ),
    "clip_factor: the longest slice decides": (
        "clip_factor",
        lambda lengths, clip: min(1.0, clip / max(*lengths, 1e-9)),
    ),
    "count_changes: the neighbours are forgotten": ("count_changes", changes_without_neighbours),
    "count_changes: occurrences that touch": ("count_changes", changes_as_if_apart),
    "acceptance_rate: likely tokens only": ("acceptance_rate", lambda p, q: (p * q).sum()),
    "acceptance_rate: by the draft's choice": (
        "acceptance_rate",
        lambda p, q: (p / q.clamp(min=1e-9)).clamp(max=1).mean(),
    ),
    "keep_min_p: a share of 1, not of the likeliest": ("keep_min_p", share_of_all),
    "keep_min_p: one limit for all rows": ("keep_min_p", one_limit_for_all_rows),
    "lion_update: the kept mean decides": ("lion_update", lion_with_one_mean),
    "lion_update: the new weight shrinks": ("lion_update", lion_that_shrinks_the_new_weight),
    "longest_text: keys without values": (
        "longest_text",
        lambda n, layers, heads, width, rows, size: n // (layers * heads * width * rows * size),
    ),
    "longest_text: rows are forgotten": (
        "longest_text",
        lambda n, layers, heads, width, rows, size: n // (2 * layers * heads * width * size),
    ),
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
    "split_logit: each part is normalised by itself": (
        "split_logit",
        lambda parts, gain, row, eps: rms_norm(parts, gain, eps) @ row,
    ),
    "split_logit: the gain is forgotten": (
        "split_logit",
        lambda parts, gain, row, eps: parts @ row * torch.rsqrt(parts.sum(0).square().mean() + eps),
    ),
    "split_logit: an equal share for every part": (
        "split_logit",
        lambda parts, gain, row, eps: (rms_norm(parts.sum(0), gain, eps) @ row / len(parts)).expand(
            len(parts)
        ),
    ),
    "size_for_loss: the floor is forgotten": (
        "size_for_loss",
        lambda law, loss: (law.coefficient / loss) ** (1 / law.alpha),
    ),
    "size_for_loss: a loss below the floor": (
        "size_for_loss",
        lambda law, loss: (law.coefficient / max(loss - law.floor, 1e-3)) ** (1 / law.alpha),
    ),
    "to_pairs: the same order as to_halves": ("to_pairs", interleaved_to_halves),
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
    "prefix_mask: the prefix is causal too": (
        "prefix_mask",
        lambda n, length: causal_mask(length, length),
    ),
    "prefix_mask: the prefix sees what follows": (
        "prefix_mask",
        lambda n, length: causal_mask(length, length) | (torch.arange(length) < n)[:, None],
    ),
    "q4_0_block: the halves of a byte side by side": ("q4_0_block", halves_in_turns),
    "q4_0_block: the middle is not taken away": ("q4_0_block", q4_1_without_its_offset),
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
    assert {name for name, _ in WRONG.values()} == set(NAMES)


def test_the_command_lists_every_exercise(capsys):
    runpy.run_module("gpt.exercises", run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == NAMES


def test_an_answer_that_raises_is_not_yet_right(monkeypatch):
    monkeypatch.setattr("gpt.exercises.mine.mean_loss.mean_loss", lambda pieces: pieces[99])
    assert verdict("gpt", "mean_loss") == "not yet: IndexError: list index out of range"


def test_the_command_says_what_is_wrong_and_what_is_solved(capsys, monkeypatch):
    monkeypatch.setattr("gpt.exercises.mine.mean_loss.mean_loss", lambda pieces: 0.0)
    solution = answer("solutions", "count_changes")
    monkeypatch.setattr("gpt.exercises.mine.count_changes.count_changes", solution)
    runpy.run_module("gpt.exercises", run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert "count_changes: solved" in lines
    assert "mean_loss: not yet: equal pieces: [(2.0, 4), (4.0, 4)] have the mean 3.0, not 0.0" in (
        lines
    )
