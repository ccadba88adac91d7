"""Answers of several models to held-out questions, side by side, and what they are worth.

A question about Python's library is judged by the rule, a short reference (at most SHORT words) by
exact match, any other by the words shared with it. Shared words are no judge of short answers:
"It is 11." shares two words of three with "It is 7." and is wrong.
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
from finetune.datasets.rule import RuleChecks as Checks
from finetune.datasets.rule import rule_checks, rule_score
from finetune.evaluation.intervals import bootstrap_mean
from finetune.evaluation.overlap import squad_words, strict_match, token_f1
from finetune.evaluation.wins import JudgeVerdict, compare_pairwise, sign_test, win_rate

N_EVALUATED = 200
"""Held-out items in a report."""
EXACT_MATCH_WORDS = 5
"""Most words of a reference that exact match decides on."""
JUDGE_DESCRIPTIONS = {
    "rule": "the rule",
    "exact": f"exact match, where the reference has at most {EXACT_MATCH_WORDS} words",
    "overlap": "words shared with the reference",
}


def mean_scores(
    items: Sequence[EvaluationItem], said: Sequence[ModelAnswer]
) -> dict[str, list[float]]:
    """Means over the items, each with its 95 % interval."""
    pairs = list(zip(items, said, strict=True))
    columns = {
        "stopped": [float(each.stopped) for each in said],
        "exact": [strict_match(each.text, item.answer) for item, each in pairs],
        "overlap": [token_f1(each.text, item.answer) for item, each in pairs],
    }
    if all(item.question for item in items):
        verdicts = [rule_checks(item.question, *each) for item, each in pairs if item.question]
        for name in Checks._fields:
            columns[name] = [float(getattr(each, name)) for each in verdicts]
        columns["rule"] = [sum(each) / len(each) for each in verdicts]
    return {
        name: list(bootstrap_mean(np.array(values), np.random.default_rng(0)))
        for name, values in columns.items()
    }


def judge_name(item: EvaluationItem) -> str:
    """Which of the JUDGES decides on this item."""
    if item.question is not None:
        return "rule"
    return "exact" if len(squad_words(item.answer)) <= EXACT_MATCH_WORDS else "overlap"


def score_answer(item: EvaluationItem, answer: ModelAnswer) -> float:
    """Return the score that the item's judge gives to an answer."""
    if item.question is not None:
        return rule_score(item.question, *answer)
    score = strict_match if judge_name(item) == "exact" else token_f1
    return score(answer.text, item.answer)


def compare_answers(item: EvaluationItem, a: ModelAnswer, b: ModelAnswer) -> JudgeVerdict:
    """The judge of a win rate."""
    first, second = score_answer(item, a), score_answer(item, b)
    return "tie" if first == second else "A" if first > second else "B"


def win_summary(
    items: Sequence[EvaluationItem], ours: Sequence[ModelAnswer], theirs: Sequence[ModelAnswer]
) -> dict[str, Any]:
    """How often our answer is worth more; a tie is half a win."""
    found = win_rate(
        compare_pairwise(compare_answers, items, ours, theirs), np.random.default_rng(0)
    )
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
    shown: int = 5,
    rival: str | None = None,
    base: str | None = None,
) -> dict[str, Any]:
    """What each model says to the items, and how good that is; the first answers are kept.

    `judges` counts the items by who decides on them.

    Args:
        models: their folders or names.
        items: what they are asked.
        shown: how many answers are kept.
        rival: one of the models, whom the others shall beat.
        base: the model below those that are adapters, if it is not where they say.
    """
    texts = [item.messages for item in items]
    said = {
        name: generate_answers(load_assistant(model, base=base), texts)
        for name, model in models.items()
    }
    return {
        "items": len(items),
        "models": {
            name: {"model": models[name], **mean_scores(items, each)} for name, each in said.items()
        },
        "judges": dict(Counter(map(judge_name, items))),
        "rival": rival,
        "wins": {
            name: win_summary(items, each, said[rival])
            for name, each in said.items()
            if rival is not None and name != rival
        },
        "samples": [
            {"asked": item.messages[-1]["content"]}
            | {name: each[number].text for name, each in said.items()}
            for number, item in enumerate(items[:shown])
        ],
    }


def print_answers(found: dict[str, Any]) -> None:
    """The means as a table, the wins, the samples."""
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
            f"{name} against {found['rival']}: {each['wins']} won, {each['losses']} lost, "
            f"{each['ties']} tied; {rate:.2f} ({low:.2f} to {high:.2f}), p = {each['p']:.2g}"
        )
    for sample in found["samples"]:
        for name, text in sample.items():
            console.print(f"{name:>8}  {text}", markup=False)
        console.print()


def print_intervals(found: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Estimates as a table, a column a model, with the wider side of each interval."""
    table = Table("", *found, box=SIMPLE_HEAD)
    for name in next(iter(found.values())):
        cells = (each[name] for each in found.values())
        table.add_row(name, *(f"{a:.2f} ±{max(a - b, c - a):.2f}" for a, b, c in cells))
    Console(highlight=False).print(table)
