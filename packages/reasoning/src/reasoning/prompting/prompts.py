"""Prompts for a chat model: with or without examples, with or without steps.

Few-shot prompting (Brown et al. 2020) puts solved problems in front of the question; here each is a
message of the user and its answer by the assistant. Chain of thought (Wei et al. 2022) shows the
steps in these answers; without examples, an instruction asks for them (Kojima et al. 2022).
"""

from collections.abc import Sequence
from typing import NamedTuple

from gpt.pretrained.chat import Message
from reasoning.tasks.word_problems import WordProblem


class PromptStyle(NamedTuple):
    """What a prompt asks for, and whether its examples show their steps."""

    instruction: str
    """A sentence after the question."""
    shows_steps: bool


DIRECT = PromptStyle("Answer with one number and nothing else.", shows_steps=False)
STEP_BY_STEP = PromptStyle(
    "Let's think step by step. End with: The answer is ...", shows_steps=True
)


def few_shot_messages(
    question: str, examples: Sequence[WordProblem], style: PromptStyle
) -> list[Message]:
    """Return the messages that ask a question after these examples; zero-shot without any."""
    messages: list[Message] = []
    for example in examples:
        messages += [user_message(example.question, style), example_answer(example, style)]
    return [*messages, user_message(question, style)]


def user_message(question: str, style: PromptStyle) -> Message:
    """Return a question with its instruction."""
    return {"role": "user", "content": f"{question} {style.instruction}"}


def example_answer(example: WordProblem, style: PromptStyle) -> Message:
    """Return the answer of an example, after its steps if the style shows them."""
    if not style.shows_steps:
        return {"role": "assistant", "content": str(example.answer)}
    steps = " ".join(example.steps)
    return {"role": "assistant", "content": f"{steps} The answer is {example.answer}."}
