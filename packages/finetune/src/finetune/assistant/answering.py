"""Questions with their reference answers, and a model's answers to them."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from finetune.assistant.assistant import Assistant
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import Message, single_turn_prompt
from finetune.conversations.special_tokens import stop_tokens
from finetune.datasets.questions import Question
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.policy.rows import split_into_batches
from gpt.text.tokenizers import decode

MAX_NEW_TOKENS = 40
"""Longest answer, in tokens."""
ANSWER_BATCH_SIZE = 100


class EvaluationItem(NamedTuple):
    """A question, and what its answers are judged by."""

    messages: list[Message]
    answer: str
    """Reference answer."""
    question: Question | None = None
    """Set for questions about Python's library, which the rule can judge."""


class ModelAnswer(NamedTuple):
    """Answer of a model."""

    text: str
    stopped: bool
    """Whether the model ended it with a stop token."""


def question_items(questions: Sequence[Question]) -> list[EvaluationItem]:
    """Make evaluation items of questions about Python's library."""
    return [
        EvaluationItem(single_turn_prompt(each.question), each.answer, each) for each in questions
    ]


def generate_answers(
    assistant: Assistant,
    conversations: Sequence[list[Message]],
    temperature: float = 0.0,
    seed: int = 0,
) -> list[ModelAnswer]:
    """Generate answers in batches; at temperature 0 always with the likeliest token."""
    tokenizer, form = assistant.tokenizer, assistant.format
    generator = torch.Generator(assistant.model.embedding.weight.device).manual_seed(seed)
    choice = partial(sample_token, temperature=temperature, generator=generator)
    stop, answers = stop_tokens(form, tokenizer), []
    for batch in split_into_batches(conversations, ANSWER_BATCH_SIZE):
        prompts = [prompt_tokens(form, tokenizer, messages) for messages in batch]
        for tokens in generate_batch(assistant.model, prompts, MAX_NEW_TOKENS, choice, stop):
            text = decode(tokenizer, tokens).strip()
            answers.append(ModelAnswer(text, stopped=len(tokens) < MAX_NEW_TOKENS))
    return answers
