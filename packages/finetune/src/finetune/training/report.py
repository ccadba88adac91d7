"""Answers of several models to held-out questions, side by side, judged by the rule."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from finetune.data.conversations import asked
from finetune.data.docstrings import Question
from finetune.data.encoding import prompt_tokens
from finetune.data.marks import stop_tokens
from finetune.data.rule import Verdict, verdict
from finetune.data.tasks import questions
from finetune.evaluation.intervals import bootstrap_mean
from finetune.evaluation.overlap import token_f1
from finetune.training.assistant import Assistant, load_assistant
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import choose
from gpt.text.tokenizers import decode

ROOM = 40
"""Most tokens of an answer."""
AT_ONCE = 50


class Answered(NamedTuple):
    """What a model said."""

    text: str
    stopped: bool
    """Whether it ended by itself."""


def answers(
    assistant: Assistant, asked_of_it: Sequence[str], temperature: float = 0.0, seed: int = 0
) -> list[Answered]:
    """The model's answers, a batch at a time; at temperature 0 always the likeliest token."""
    generator = torch.Generator(assistant.model.embedding.weight.device).manual_seed(seed)
    choice = partial(choose, temperature=temperature, generator=generator)
    stop = stop_tokens(assistant.format, assistant.tokenizer)
    said = []
    for some in batched(asked_of_it, AT_ONCE):
        prompts = [
            prompt_tokens(assistant.format, assistant.tokenizer, asked(question))
            for question in some
        ]
        for tokens in generate_batch(assistant.model, prompts, ROOM, choice, stop):
            said.append(Answered(decode(assistant.tokenizer, tokens).strip(), len(tokens) < ROOM))
    return said


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items, some at a time."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def judged(held_out: Sequence[Question], said: Sequence[Answered]) -> dict[str, Any]:
    """Means over the questions with their intervals; `rule` is the mean of the four before it."""
    verdicts = [verdict(question, *each) for question, each in zip(held_out, said, strict=True)]
    columns = {name: [float(getattr(each, name)) for each in verdicts] for name in Verdict._fields}
    columns["rule"] = [sum(each) / len(each) for each in verdicts]
    columns["stopped"] = [float(each.stopped) for each in said]
    columns["overlap"] = [
        token_f1(each.text, question.answer) for question, each in zip(held_out, said, strict=True)
    ]
    return {name: interval_of(values) for name, values in columns.items()}


def interval_of(values: Sequence[float]) -> list[float]:
    """Mean, and the ends of its 95 % interval over the questions."""
    return list(bootstrap_mean(np.array(values), np.random.default_rng(0)))


def answers_report(
    models: Mapping[str, str], n_questions: int = 200, shown: int = 5
) -> dict[str, Any]:
    """What each model says to the first held-out questions, and how good that is."""
    held_out = questions().held_out[:n_questions]
    texts = [question.question for question in held_out]
    found: dict[str, Any] = {"questions": len(held_out), "models": {}, "samples": []}
    said = {}
    for name, model in models.items():
        said[name] = answers(load_assistant(model), texts)
        found["models"][name] = {"model": model, **judged(held_out, said[name])}
    for number, question in enumerate(held_out[:shown]):
        sample = {name: each[number].text for name, each in said.items()}
        found["samples"].append({"question": question.question, **sample})
    return found


def print_answers(found: dict[str, Any]) -> None:
    """The means as a table, then the samples."""
    console = Console(highlight=False)
    names = ("stopped", *Verdict._fields, "rule", "overlap")
    table = Table("model", *names, box=SIMPLE_HEAD)
    for name, each in found["models"].items():
        cells = [f"{each[key][0]:.2f}\n{each[key][1]:.2f} to {each[key][2]:.2f}" for key in names]
        table.add_row(name, *cells)
    console.print(f"{found['questions']} held-out questions, greedy answers, 95 % intervals")
    console.print(table)
    for sample in found["samples"]:
        for name, text in sample.items():
            console.print(f"{name:>9}  {text}", markup=False)
        console.print()
