"""Answers of several models to held-out questions, side by side, with their scores.

A question about Python's library is judged by the rule; one with a short reference answer (at most
EXACT_MATCH_WORDS words) by exact match; any other by the words shared with the reference. Shared
words cannot judge short answers: "It is 11." shares two of three words with "It is 7.".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from finetune.assistant.answering import EvaluationItem, ModelAnswer, generate_answers
from finetune.assistant.assistant import load_assistant
from finetune.datasets.rule import RuleChecks, rule_checks, rule_score
from finetune.evaluation.overlap import squad_words, strict_match, token_f1
from finetune.evaluation.wins import compare_pairwise, judge_by_score, sign_test, win_rate
from gpt.evaluation.intervals import bootstrap_mean

N_EVALUATED = 200
"""Held-out items in the report of a training command."""
EXACT_MATCH_WORDS = 5
"""Longest reference, in words, that is judged by exact match."""
JUDGE_DESCRIPTIONS = {
    "rule": "the rule",
    "exact": f"exact match, where the reference has at most {EXACT_MATCH_WORDS} words",
    "overlap": "words shared with the reference",
}


def mean_scores(
    items: Sequence[EvaluationItem], answers: Sequence[ModelAnswer]
) -> dict[str, list[float]]:
    """Average each measure over the items, with 95 % intervals."""
    pairs = list(zip(items, answers, strict=True))
    columns = {
        "stopped": [float(each.stopped) for each in answers],
        "exact": [strict_match(each.text, item.answer) for item, each in pairs],
        "overlap": [token_f1(each.text, item.answer) for item, each in pairs],
    }
    if all(item.question for item in items):
        checks = [rule_checks(item.question, *each) for item, each in pairs if item.question]
        for name in RuleChecks._fields:
            columns[name] = [float(getattr(each, name)) for each in checks]
        columns["rule"] = [sum(each) / len(each) for each in checks]
    return {
        name: list(bootstrap_mean(np.array(values), np.random.default_rng(0)))
        for name, values in columns.items()
    }


def judge_name(item: EvaluationItem) -> str:
    """Return the key in JUDGE_DESCRIPTIONS of the judge of this item."""
    if item.question is not None:
        return "rule"
    return "exact" if len(squad_words(item.answer)) <= EXACT_MATCH_WORDS else "overlap"


def score_answer(item: EvaluationItem, answer: ModelAnswer) -> float:
    """Return the score that the item's judge gives to an answer."""
    if item.question is not None:
        return rule_score(item.question, *answer)
    score = strict_match if judge_name(item) == "exact" else token_f1
    return score(answer.text, item.answer)


def win_summary(
    items: Sequence[EvaluationItem], ours: Sequence[ModelAnswer], theirs: Sequence[ModelAnswer]
) -> dict[str, Any]:
    """Count how often our answer scores higher; a tie is half a win."""
    comparisons = compare_pairwise(judge_by_score(score_answer), items, ours, theirs)
    found = win_rate(comparisons, np.random.default_rng(0))
    return {
        "rate": list(found.wilson),
        "wins": found.wins,
        "losses": found.losses,
        "ties": found.ties,
        "p": sign_test(found.wins, found.losses),
    }


def answers_report(
    models: Mapping[str, str],
    items: Sequence[EvaluationItem],
    n_samples: int = 5,
    baseline: str | None = None,
    base: str | None = None,
) -> dict[str, Any]:
    """Have each model answer the items, score the answers, and report the first items as samples.

    `judges` in the result says how many items each judge scored.

    Args:
        models: folders or names of models, by the label used in the report.
        items: the questions with their reference answers.
        n_samples: how many items are reported with all answers.
        baseline: label of the model that the others are compared with.
        base: base model of the adapters, if it has moved from the path in their config.
    """
    texts = [item.messages for item in items]
    answers = {
        name: generate_answers(load_assistant(model, base=base), texts)
        for name, model in models.items()
    }
    return {
        "items": len(items),
        "models": {
            name: {"model": models[name], **mean_scores(items, each)}
            for name, each in answers.items()
        },
        "judges": dict(Counter(map(judge_name, items))),
        "baseline": baseline,
        "wins": {
            name: win_summary(items, each, answers[baseline])
            for name, each in answers.items()
            if baseline is not None and name != baseline
        },
        "samples": [
            {"asked": item.messages[-1]["content"]}
            | {name: each[number].text for name, each in answers.items()}
            for number, item in enumerate(items[:n_samples])
        ],
    }


def print_answers(found: dict[str, Any]) -> None:
    """Print the means as a table, then wins and samples."""
    console = Console(highlight=False)
    means = {
        name: {measure: each for measure, each in columns.items() if measure != "model"}
        for name, columns in found["models"].items()
    }
    console.print(f"{found['items']} held-out questions, greedy answers, 95 % intervals")
    print_intervals(means)
    if found["wins"]:
        judges = (f"{JUDGE_DESCRIPTIONS[name]} ({n})" for name, n in found["judges"].items())
        console.print(f"won and lost by {'; by '.join(judges)}", soft_wrap=True)
    for name, each in found["wins"].items():
        rate, low, high = each["rate"]
        console.print(
            f"{name} against {found['baseline']}: {each['wins']} won, {each['losses']} lost, "
            f"{each['ties']} tied; {rate:.2f} ({low:.2f} to {high:.2f}), p = {each['p']:.2g}"
        )
    for sample in found["samples"]:
        for name, text in sample.items():
            console.print(f"{name:>8}  {text}", markup=False)
        console.print()


def print_intervals(found: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Print estimates as a table, a column per model, with the wider side of each interval."""
    table = Table("", *found, box=SIMPLE_HEAD)
    for name in next(iter(found.values())):
        cells = (each[name] for each in found.values())
        table.add_row(name, *(f"{a:.2f} ±{max(a - b, c - a):.2f}" for a, b, c in cells))
    Console(highlight=False).print(table)
