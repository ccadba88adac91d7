"""Questions with what they are judged by, and a model's answers to them."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from finetune.assistant.assistant import Assistant
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import Message, asked
from finetune.conversations.rows import in_parts
from finetune.conversations.special_tokens import stop_tokens
from finetune.datasets.docstrings import Question
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import choose
from gpt.text.tokenizers import decode

ROOM = 40
"""Most tokens of an answer."""
AT_ONCE = 100


class Asked(NamedTuple):
    """What is asked, and how it may be judged."""

    messages: list[Message]
    answer: str
    """The reference."""
    question: Question | None = None
    """Where it is about Python's library, for the rule."""


class Answered(NamedTuple):
    """What a model said."""

    text: str
    stopped: bool
    """Whether it ended by itself."""


def asked_questions(questions: Sequence[Question]) -> list[Asked]:
    """Questions about Python's library."""
    return [Asked(asked(each.question), each.answer, each) for each in questions]


def answers(
    assistant: Assistant,
    conversations: Sequence[list[Message]],
    temperature: float = 0.0,
    seed: int = 0,
) -> list[Answered]:
    """The model's answers, a batch at a time; at temperature 0 always the likeliest token."""
    tokenizer, form = assistant.tokenizer, assistant.format
    generator = torch.Generator(assistant.model.embedding.weight.device).manual_seed(seed)
    choice = partial(choose, temperature=temperature, generator=generator)
    stop, said = stop_tokens(form, tokenizer), []
    for some in in_parts(conversations, AT_ONCE):
        prompts = [prompt_tokens(form, tokenizer, messages) for messages in some]
        for tokens in generate_batch(assistant.model, prompts, ROOM, choice, stop):
            said.append(Answered(decode(tokenizer, tokens).strip(), len(tokens) < ROOM))
    return said
