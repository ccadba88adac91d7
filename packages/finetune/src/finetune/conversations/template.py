r"""The format of a published model, inferred from its chat template.

A chat template is a Jinja program (`gpt.pretrained.chat`). It returns one text, in which nothing
distinguishes messages from delimiters. So the template is run on placeholders, characters that
occur in no text: whatever it writes between them are the delimiters of the format.

A template can do what no table of delimiters can, such as leaving out old answers. Therefore every
conversation is written both ways, and the two texts must be equal.

Many published templates trim white space around messages (`message.content | trim` in those of
Llama 3 and Gemma). A model that is prompted through such a template must be trained on trimmed
messages too, so `trim` does the same. Our own formats keep white space.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
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
    """A format that is compared with its chat template each time it is used."""

    template: str
    """The Jinja program that must write the same text."""
    roles: Mapping[str, str]
    """Special tokens that the template may write, by role such as "eos_token"."""
    begins_text: bool = False
    """False, because a template writes the first token itself."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """Return the pieces of a whole conversation, as the template writes it."""
        return self.check_agreement(super().pieces(messages), messages, answer_next=False)

    def prompt(self, messages: Sequence[Message]) -> list[Piece]:
        """Return the pieces up to the next answer, as the template writes them."""
        return self.check_agreement(super().prompt(messages), messages, answer_next=True)

    def check_agreement(
        self, pieces: list[Piece], messages: Sequence[Message], answer_next: bool
    ) -> list[Piece]:
        """Return the pieces if the template writes the same text.

        Raises:
            BadInput: the template writes a different text; both are quoted where they differ.
        """
        ours = "".join(piece.text for piece in pieces)
        theirs = render_chat(self.template, messages, self.roles, answer_next)
        if ours != theirs:
            both = zip(ours, theirs, strict=False)
            at = next((n for n, (a, b) in enumerate(both) if a != b), min(len(ours), len(theirs)))
            raise BadInput(
                "the chat template changes these messages: it writes "
                f"{theirs[at : at + 40]!r} instead of {ours[at : at + 40]!r}"
            )
        return pieces

    def trim(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages, without the white space around them where the template trims it."""
        trimmed = trimmed_roles(self.template, tuple(self.roles.items()))
        return [
            {**each, "content": (each.get("content") or "").strip()}
            if each.get("role") in trimmed
            else each
            for each in messages
        ]


@cache
def trimmed_roles(template: str, tokens: tuple[tuple[str, str], ...]) -> frozenset[str]:
    """Return the roles whose messages the template trims, found by rendering samples."""
    trimmed = set()
    for roles in (["user", "assistant"], ["system", "user", "assistant"]):
        plain = [{"role": role, "content": "x"} for role in roles]
        for number, role in enumerate(roles):
            padded = [*plain]
            padded[number] = {"role": role, "content": " \n x \n "}
            with suppress(BadInput):  # a template may refuse a system message
                text = render_chat(template, plain, dict(tokens), add_generation_prompt=False)
                if text == render_chat(template, padded, dict(tokens), add_generation_prompt=False):
                    trimmed.add(role)
    return frozenset(trimmed)


def find_format(name: str, tokenizer: Tokenizer) -> Format:
    """Return the format of that name; `template` is the one of the model's own chat template.

    Raises:
        BadInput: there is no such format.
    """
    if name == "template":
        return template_format(tokenizer)
    if name not in FORMATS:
        raise BadInput(f"there is no format {name!r}; formats are template, {', '.join(FORMATS)}")
    return FORMATS[name]


def template_format(tokenizer: Tokenizer) -> TemplateFormat:
    """Return the format that the tokenizer's chat template writes.

    Raises:
        BadInput: the tokenizer has no chat template; or the template writes one text before an
            answer when it prompts for it and another when it shows it; or no special token ends an
            answer.
    """
    if not isinstance(tokenizer, PretrainedTokenizer) or tokenizer.chat_template is None:
        raise BadInput(f"this tokenizer has no chat template; formats are {', '.join(FORMATS)}")
    between = {}
    with suppress(BadInput):  # a template may refuse a system message; then the format does too
        between = infer_delimiters(tokenizer, ["system", *SAMPLE_ROLES])
    between |= infer_delimiters(tokenizer, SAMPLE_ROLES)
    prompting = infer_delimiters(tokenizer, SAMPLE_ROLES[:1], answer_next=True)["user", "end"]
    shown = between["user", "assistant"]
    before = shown.removeprefix(prompting)
    if not shown.startswith(prompting) or before.strip():
        raise BadInput(
            f"the chat template prompts for an answer with {prompting!r}, but writes {shown!r} "
            "before an answer that is there; a model would be trained on other prompts than it "
            "gets later"
        )
    after, stop = answer_ending(tokenizer, between["assistant", "end"])
    for following in ("user", "end"):
        between["assistant", following] = between["assistant", following].removeprefix(after + stop)
    return TemplateFormat(
        between=between | {("user", "assistant"): prompting},
        stop=stop,
        around=(before, after),
        first_gap=gap_in_question(tokenizer),
        template=tokenizer.chat_template,
        roles=tokenizer.roles,
    )


def infer_delimiters(
    tokenizer: PretrainedTokenizer, roles: list[str], answer_next: bool = False
) -> dict[tuple[str, str], str]:
    """Return the delimiters that the template writes around messages by these roles."""
    messages = [
        {"role": role, "content": each} for role, each in zip(roles, PLACEHOLDERS, strict=False)
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
    """Return the white space after an answer and the special token that ends it."""
    after = text[: len(text) - len(text.lstrip())]
    for each in tokenizer.added:
        if each.special and text.startswith(each.content, len(after)):
            return after, each.content
    raise BadInput(f"the chat template ends an answer with {text!r}, which is not a special token")
