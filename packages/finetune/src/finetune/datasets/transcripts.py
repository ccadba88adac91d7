r"""Conversations in one text, in which "\n\nHuman: " or "\n\nAssistant: " begins every turn.

This is how hh-rlhf writes them (Bai et al. 2022). White space around a turn belongs to the
transcript and is dropped.
"""

from typing import Any, TypeGuard

import regex

from finetune.conversations.messages import Message
from gpt.errors import BadInput

SPEAKER = regex.compile(r"(?:^|\n\n)(Human|Assistant):")
OPEN_ANSWER = "\n\nAssistant:"


def is_transcript(value: Any) -> TypeGuard[str]:
    """Whether a value is a text in which the user and the assistant speak."""
    return isinstance(value, str) and value.lstrip().startswith("Human:") and OPEN_ANSWER in value


def parse_transcript(text: str) -> list[Message]:
    """The turns of a text in which every turn begins with its speaker."""
    before, *parts = SPEAKER.split(text.lstrip())
    if before.strip() or not parts:
        raise BadInput(
            f"without a column prompt a text must begin with 'Human:', found {text[:40]!r}"
        )
    roles = ("user" if speaker == "Human" else "assistant" for speaker in parts[::2])
    return [
        {"role": role, "content": content.strip()}
        for role, content in zip(roles, parts[1::2], strict=True)
    ]


def transcript_prompt(text: str) -> list[Message]:
    """The turns of a transcript up to its open last one, "Assistant:"."""
    return parse_transcript(text.rstrip().removesuffix(OPEN_ANSWER))


def transcript_with_answer(text: str, answer: str) -> list[Message]:
    """The turns of a transcript and one more answer, which may quote a transcript itself.

    After an open "Assistant:" white space around the answer belongs to the transcript.
    """
    content = answer.strip() if text.rstrip().endswith(OPEN_ANSWER) else answer
    return [*transcript_prompt(text), {"role": "assistant", "content": content}]
