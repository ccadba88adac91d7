"""`finetune chat`: talk to a model in the terminal."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

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
    """A run, an adapter, smollm2, a folder in the layout of transformers, or a hub id."""
    base: str | None = None
    """The model below an adapter, if it is not where the adapter says."""
    question: str | None = None
    """Ask this alone and end."""
    system: str | None = None
    """What the model is told to be."""
    tokens: int = 200
    """Most tokens of an answer."""
    temperature: float = 0.0
    """0 always takes the likeliest token; higher is bolder."""
    seed: int = 0
    """The same seed says the same."""

    def __post_init__(self) -> None:
        """Refuse what cannot be said."""
        check_sampling_settings(self.temperature, None, None)
        check_seed(self.seed)
        check_base(self.base, self.model)
        if self.tokens < 1:
            raise BadInput(f"tokens must be at least 1, got {self.tokens}")


def run(config: ChatConfig) -> int:
    """Question, answer, question, answer."""
    assistant = load_assistant(config.model, base=config.base)
    generator = torch.Generator().manual_seed(config.seed)
    choice = partial(sample_token, temperature=config.temperature, generator=generator)
    messages: list[Message] = []
    if config.system is not None:
        messages.append({"role": "system", "content": config.system})
    for question in [config.question] if config.question is not None else read_questions():
        messages.append({"role": "user", "content": question})
        said = ""
        for piece in stream_answer(assistant, messages, config.tokens, choice):
            print(piece, end="", flush=True)
            said += piece
        print()
        if not said.strip():
            messages.pop()
            continue
        messages.append({"role": "assistant", "content": said.strip()})
    return 0


def stream_answer(
    assistant: Assistant, messages: list[Message], n_tokens: int, choice: partial
) -> Iterator[str]:
    """The answer as it comes; the oldest exchanges are forgotten where the context is full."""
    model, tokenizer = assistant.model, assistant.tokenizer
    while True:
        prompt = prompt_tokens(assistant.format, tokenizer, messages)
        room = model.config.context - len(prompt)
        first = next(i for i, each in enumerate(messages) if each["role"] == "user")
        if room >= min(n_tokens, 16) or first + 1 == len(messages):
            break
        del messages[first : first + 2]
    check_prompt(model, prompt)
    stop = stop_tokens(assistant.format, tokenizer)
    yield from stream_text(tokenizer, generate(model, prompt, n_tokens, choice, stop))


def read_questions() -> Iterator[str]:
    """Lines that a person types, or that a pipe brings."""
    while True:
        if sys.stdin.isatty():
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line.strip():
            return
        yield line.strip()
