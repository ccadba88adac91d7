"""`finetune chat`: talk to a model in the terminal."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from tyro.conf import arg

from finetune.assistant.assistant import Assistant, load_assistant
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import Message
from finetune.conversations.special_tokens import stop_tokens
from finetune.lora.peft_base import check_base
from gpt.errors import BadInput, check_seed
from gpt.generation.generate import check_prompt, generate, stream_text
from gpt.generation.sampling import check_sampling_settings, sample_token


@dataclass(frozen=True)
class ChatConfig:
    """Talk to a model; an empty line or the end of the input ends the conversation."""

    model: str = "runs/sft"
    """Model to talk to: `smollm2`, a hub id or a folder.
    A folder holds a run, an adapter or a model in transformers' format."""
    base: Annotated[str | None, arg(help_behavior_hint="(default: named by the adapter)")] = None
    """Base model of the adapter in --model, if it has moved from the path in the adapter's config.
    """
    question: Annotated[
        str | None, arg(help_behavior_hint="(default: read questions from standard input)")
    ] = None
    """Answer this question and exit."""
    system: Annotated[str | None, arg(help_behavior_hint="(default: no system message)")] = None
    """System message, placed before the conversation."""
    max_new_tokens: int = 200
    """Longest answer, in tokens; a longer one is cut off."""
    temperature: float = 0.0
    """0 always takes the most likely token; higher values make answers more random."""
    seed: int = 0
    """Random seed of the sampling; the same seed gives the same answers."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            BadInput: one of them is out of its range.
        """
        check_sampling_settings(self.temperature, None, None)
        check_seed(self.seed)
        check_base(self.base, self.model)
        if self.max_new_tokens < 1:
            raise BadInput(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")


def run(config: ChatConfig) -> int:
    """Answer one question, or each line of the input."""
    assistant = load_assistant(config.model, base=config.base)
    generator = torch.Generator().manual_seed(config.seed)
    choice = partial(sample_token, temperature=config.temperature, generator=generator)
    messages: list[Message] = []
    if config.system is not None:
        messages.append({"role": "system", "content": config.system})
    for question in [config.question] if config.question is not None else read_questions():
        messages.append({"role": "user", "content": question})
        reply = ""
        for text in stream_answer(assistant, messages, config.max_new_tokens, choice):
            print(text, end="", flush=True)
            reply += text
        print()
        if not reply.strip():
            messages.pop()
            continue
        messages.append({"role": "assistant", "content": reply.strip()})
    return 0


def stream_answer(
    assistant: Assistant, messages: list[Message], max_new_tokens: int, choice: partial
) -> Iterator[str]:
    """Yield the text of the answer as it is generated.

    If the context is full, the oldest exchanges are dropped.
    """
    model, tokenizer = assistant.model, assistant.tokenizer
    while True:
        prompt = prompt_tokens(assistant.format, tokenizer, messages)
        space = model.config.context - len(prompt)
        first = next(i for i, each in enumerate(messages) if each["role"] == "user")
        if space >= min(max_new_tokens, 16) or first + 1 == len(messages):
            break
        del messages[first : first + 2]
    check_prompt(model, prompt)
    stop = stop_tokens(assistant.format, tokenizer)
    yield from stream_text(tokenizer, generate(model, prompt, max_new_tokens, choice, stop))


def read_questions() -> Iterator[str]:
    """Yield the lines of standard input, up to the first empty one."""
    while True:
        if sys.stdin.isatty():
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line.strip():
            return
        yield line.strip()
