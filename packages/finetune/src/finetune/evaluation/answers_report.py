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

from finetune.assistant.answering import Answered, Asked, answers
from finetune.assistant.assistant import load_assistant
from finetune.datasets.rule import Verdict as Checks
from finetune.datasets.rule import rule, verdict
from finetune.evaluation.intervals import bootstrap_mean
from finetune.evaluation.overlap import squad_words, strict_match, token_f1
from finetune.evaluation.wins import Verdict, duels, sign_test, win_rate

N_ASKED = 200
"""Held-out items in a report."""
SHORT = 5
"""Most words of a reference that exact match decides on."""
JUDGES = {
    "rule": "the rule",
    "exact": f"exact match, where the reference has at most {SHORT} words",
    "overlap": "words shared with the reference",
}


def judged(items: Sequence[Asked], said: Sequence[Answered]) -> dict[str, list[float]]:
    """Means over the items, each with its 95 % interval; `rule` is the mean of its four checks."""
    pairs = list(zip(items, said, strict=True))
    columns = {
        "stopped": [float(each.stopped) for each in said],
        "exact": [strict_match(each.text, item.answer) for item, each in pairs],
        "overlap": [token_f1(each.text, item.answer) for item, each in pairs],
    }
    if all(item.question for item in items):
        verdicts = [verdict(item.question, *each) for item, each in pairs if item.question]
        for name in Checks._fields:
            columns[name] = [float(getattr(each, name)) for each in verdicts]
        columns["rule"] = [sum(each) / len(each) for each in verdicts]
    return {
        name: list(bootstrap_mean(np.array(values), np.random.default_rng(0)))
        for name, values in columns.items()
    }


def judge_of(item: Asked) -> str:
    """Which of the JUDGES decides on this item."""
    if item.question is not None:
        return "rule"
    return "exact" if len(squad_words(item.answer)) <= SHORT else "overlap"


def worth(item: Asked, answer: Answered) -> float:
    """Return the score that the item's judge gives to an answer."""
    if item.question is not None:
        return rule(item.question, *answer)
    score = strict_match if judge_of(item) == "exact" else token_f1
    return score(answer.text, item.answer)


def better(item: Asked, a: Answered, b: Answered) -> Verdict:
    """The judge of a win rate."""
    first, second = worth(item, a), worth(item, b)
    return "tie" if first == second else "A" if first > second else "B"


def won(
    items: Sequence[Asked], ours: Sequence[Answered], theirs: Sequence[Answered]
) -> dict[str, Any]:
    """How often our answer is worth more; a tie is half a win."""
    found = win_rate(duels(better, items, ours, theirs), np.random.default_rng(0))
    return {
        "rate": list(found.wilson),
        "wins": found.wins,
        "losses": found.losses,
        "ties": found.ties,
        "p": sign_test(found.wins, found.losses),
    }


def answers_report(
    models: Mapping[str, str],
    items: Sequence[Asked],
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
        name: answers(load_assistant(model, base=base), texts) for name, model in models.items()
    }
    return {
        "items": len(items),
        "models": {
            name: {"model": models[name], **judged(items, each)} for name, each in said.items()
        },
        "judges": dict(Counter(map(judge_of, items))),
        "rival": rival,
        "wins": {
            name: won(items, each, said[rival])
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
        judges = (f"{JUDGES[name]} ({n})" for name, n in found["judges"].items())
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
