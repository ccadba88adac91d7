r"""The format of a published model, learned from its own chat template.

A chat template is a program in the language Jinja (`gpt.pretrained.chat`). It gives one text, in
which nothing tells a message from a mark. So it is run on stand-ins, single characters that no text
holds: what lies between them is the format's table. From then on every conversation is written by
the table and by the template, and the two must agree to the letter: a template may do what no table
can, such as leave out old answers.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import regex

from finetune.conversations.formats import EMPTY_LINE, FORMATS, Format, Piece
from finetune.conversations.messages import Message
from gpt.errors import BadInput
from gpt.pretrained.chat import render_chat
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizers import Tokenizer

PLACEHOLDERS = "\ue000\ue001\ue002\ue003\ue004"  # from the private use area of Unicode
SAMPLE_ROLES = ["user", "assistant", "user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class TemplateFormat(Format):
    """A table that answers to a template."""

    template: str
    """The program that must write the same."""
    roles: Mapping[str, str]
    """Special tokens by role, such as "eos_token", which it may write."""
    begins_text: bool = False
    """A template writes the first token itself, as in the library."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """A whole conversation, if the template writes it in the same way."""
        return self.agreed(super().pieces(messages), messages, answer_next=False)

    def prompt(self, messages: Sequence[Message]) -> list[Piece]:
        """A conversation up to the next answer, if the template writes it in the same way."""
        return self.agreed(super().prompt(messages), messages, answer_next=True)

    def agreed(
        self, pieces: list[Piece], messages: Sequence[Message], answer_next: bool
    ) -> list[Piece]:
        """The pieces, whose text is the template's.

        Raises:
            BadInput: it is another text, quoted where the two part.
        """
        ours = "".join(piece.text for piece in pieces)
        theirs = render_chat(self.template, messages, self.roles, answer_next)
        if ours != theirs:
            both = zip(ours, theirs, strict=False)
            at = next((n for n, (a, b) in enumerate(both) if a != b), min(len(ours), len(theirs)))
            raise BadInput(
                "the chat template does not write these messages as they are: it has "
                f"{theirs[at : at + 40]!r} in place of {ours[at : at + 40]!r}"
            )
        return pieces


def template_format(tokenizer: Tokenizer) -> TemplateFormat:
    """The format that the tokenizer's chat template writes.

    Raises:
        BadInput: there is none; or the prompt is not the beginning of the conversation with the
            answer; or no special token ends an answer.
    """
    if not isinstance(tokenizer, PretrainedTokenizer) or tokenizer.chat_template is None:
        raise BadInput(f"this tokenizer has no chat template; formats are {', '.join(FORMATS)}")
    between = {}
    with suppress(BadInput):  # a template may refuse a system message, and so will the format
        between = infer_delimiters(tokenizer, ["system", *SAMPLE_ROLES])
    between |= infer_delimiters(tokenizer, SAMPLE_ROLES)
    reply = infer_delimiters(tokenizer, SAMPLE_ROLES[:1], answer_next=True)["user", "end"]
    whole = between["user", "assistant"]
    before = whole.removeprefix(reply)
    if not whole.startswith(reply) or before.strip():
        raise BadInput(
            f"the chat template asks for an answer with {reply!r}, but writes one after {whole!r}; "
            "a model would be trained on other prompts than it is asked with"
        )
    after, stop = answer_ending(tokenizer, between["assistant", "end"])
    for following in ("user", "end"):
        between["assistant", following] = between["assistant", following].removeprefix(after + stop)
    return TemplateFormat(
        between=between | {("user", "assistant"): reply},
        stop=stop,
        around=(before, after),
        first_gap=gap_in_question(tokenizer),
        template=tokenizer.chat_template,
        roles=tokenizer.roles,
    )


def infer_delimiters(
    tokenizer: PretrainedTokenizer, roles: list[str], answer_next: bool = False
) -> dict[tuple[str, str], str]:
    """What the template writes between messages by these roles, from a run on stand-ins."""
    messages = [
        {"role": role, "content": mark} for role, mark in zip(roles, PLACEHOLDERS, strict=False)
    ]
    text = render_chat(tokenizer.chat_template or "", messages, tokenizer.roles, answer_next)
    order = [character for character in text if character in PLACEHOLDERS]
    if order != [message["content"] for message in messages]:
        raise BadInput(
            f"the chat template does not write {len(messages)} messages once each, in their order"
        )
    neighbours = pairwise(["begin", *roles, "end"])
    return dict(zip(neighbours, regex.split(f"[{PLACEHOLDERS}]", text), strict=True))


def gap_in_question(tokenizer: PretrainedTokenizer) -> str:
    """Return the text that a template writes for the first empty line of a question."""
    first, second = PLACEHOLDERS[:2]
    question = [{"role": "user", "content": first + EMPTY_LINE + second}]
    text = render_chat(tokenizer.chat_template or "", question, tokenizer.roles)
    _, found, rest = text.partition(first)
    gap, also, _ = rest.partition(second)
    return gap if found and also else EMPTY_LINE


def answer_ending(tokenizer: PretrainedTokenizer, text: str) -> tuple[str, str]:
    """White space after an answer and the special token that ends it."""
    after = text[: len(text) - len(text.lstrip())]
    for each in tokenizer.added:
        if each.special and text.startswith(each.content, len(after)):
            return after, each.content
    raise BadInput(f"the chat template ends an answer with {text!r}, which is no special token")


def find_format(name: str, tokenizer: Tokenizer) -> Format:
    """The format of that name; `template` is the model's own.

    Raises:
        BadInput: there is no such format.
    """
    if name == "template":
        return template_format(tokenizer)
    if name not in FORMATS:
        raise BadInput(f"there is no format {name!r}; formats are template, {', '.join(FORMATS)}")
    return FORMATS[name]
