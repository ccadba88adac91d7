"""Questions with what they are judged by, and a model's answers to them."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from finetune.assistant.assistant import Assistant
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import Message, single_turn_prompt
from finetune.conversations.rows import split_into_batches
from finetune.conversations.special_tokens import stop_tokens
from finetune.datasets.questions import Question
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.text.tokenizers import decode

MAX_NEW_TOKENS = 40
"""Most tokens of an answer."""
ANSWER_BATCH_SIZE = 100


class EvaluationItem(NamedTuple):
    """What is asked, and how it may be judged."""

    messages: list[Message]
    answer: str
    """The reference."""
    question: Question | None = None
    """Where it is about Python's library, for the rule."""


class ModelAnswer(NamedTuple):
    """What a model said."""

    text: str
    stopped: bool
    """Whether it ended by itself."""


def question_items(questions: Sequence[Question]) -> list[EvaluationItem]:
    """Questions about Python's library."""
    return [
        EvaluationItem(single_turn_prompt(each.question), each.answer, each) for each in questions
    ]


def generate_answers(
    assistant: Assistant,
    conversations: Sequence[list[Message]],
    temperature: float = 0.0,
    seed: int = 0,
) -> list[ModelAnswer]:
    """The model's answers, a batch at a time; at temperature 0 always the likeliest token."""
    tokenizer, form = assistant.tokenizer, assistant.format
    generator = torch.Generator(assistant.model.embedding.weight.device).manual_seed(seed)
    choice = partial(sample_token, temperature=temperature, generator=generator)
    stop, said = stop_tokens(form, tokenizer), []
    for some in split_into_batches(conversations, ANSWER_BATCH_SIZE):
        prompts = [prompt_tokens(form, tokenizer, messages) for messages in some]
        for tokens in generate_batch(assistant.model, prompts, MAX_NEW_TOKENS, choice, stop):
            said.append(
                ModelAnswer(decode(tokenizer, tokens).strip(), len(tokens) < MAX_NEW_TOKENS)
            )
    return said
