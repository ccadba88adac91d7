"""Answers of a chat model, such as SmolLM2, to many conversations at once."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from gpt.errors import BadInput
from gpt.generation.generate import generate_batch
from gpt.generation.sampling import sample_token
from gpt.model.gpt import GPT
from gpt.pretrained.chat import Message, render_chat
from gpt.pretrained.loading import load_pretrained
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizers import decode, end_tokens

CHATS_AT_ONCE = 32
"""Rows that are generated together; each keeps the keys and values of its whole prompt."""


class ChatModel(NamedTuple):
    """A model, and the tokenizer whose template it answers."""

    model: GPT
    tokenizer: PretrainedTokenizer
    template: str


class ChatAnswer(NamedTuple):
    """An answer, and the number of tokens that were generated for it."""

    text: str
    n_tokens: int


def load_chat_model(name: str = "smollm2", precision: str = "bf16") -> ChatModel:
    """Load a chat model by any name that `gpt sample --model` accepts.

    Raises:
        BadInput: there is no such model, or it has no chat template.
    """
    model, tokenizer = load_pretrained(name, precision=precision)
    if not isinstance(tokenizer, PretrainedTokenizer) or tokenizer.chat_template is None:
        raise BadInput(f"{name!r} has no chat template; use a chat model such as smollm2")
    return ChatModel(model, tokenizer, tokenizer.chat_template)


def sample_chats(
    chat: ChatModel,
    conversations: Sequence[list[Message]],
    n_samples: int,
    temperature: float,
    max_new_tokens: int,
    generator: torch.Generator,
) -> list[list[ChatAnswer]]:
    """Return `n_samples` answers to each conversation; temperature 0 is greedy decoding.

    Raises:
        BadInput: n_samples is below 1, or a conversation is longer than the model's context.
    """
    if n_samples < 1:
        raise BadInput(f"n_samples must be at least 1, got {n_samples}")
    tokenizer = chat.tokenizer
    prompts = [
        tokenizer.encode_with_specials(render_chat(chat.template, messages, tokenizer.roles))
        for messages in conversations
    ]
    rows = [prompt for prompt in prompts for _ in range(n_samples)]
    sampler = partial(sample_token, temperature=temperature, generator=generator)
    answers = [
        ChatAnswer(decode(tokenizer, tokens).strip(), len(tokens))
        for begin in range(0, len(rows), CHATS_AT_ONCE)
        for tokens in generate_batch(
            chat.model,
            rows[begin : begin + CHATS_AT_ONCE],
            max_new_tokens,
            sampler,
            end_tokens(tokenizer),
        )
    ]
    return [answers[begin : begin + n_samples] for begin in range(0, len(answers), n_samples)]
