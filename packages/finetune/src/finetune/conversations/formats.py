r"""How a conversation is written for a model that only continues text.

A model sees one row of tokens. A format says what stands before, between and after the messages, so
that the model can tell who is speaking, and how an answer ends, so that it can stop. Here a format
is a table: for each two neighbours, the text between them.

The text comes in pieces that know who wrote them. Which tokens count in the loss is decided by
those pieces and never by searching the finished text, where a message that spells a mark would move
the boundary.

- `ALPACA`: headings (Taori et al. 2023). The published prompts open with a sentence; give it as the
  system message. A question's first empty line parts instruction and input.
- `CHATML`: every message between two marks that are tokens of their own (OpenAI 2023).
- `LLAMA_2`: questions in `[INST]`, the system message inside the first (Touvron et al. 2023).
- `PLAIN`: the least that works. The answer begins on a new line, since a prompt that ends in a
  space takes it away from the word that BPE joins it to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from finetune.conversations.messages import Message, check_turns
from gpt.errors import BadInput
from gpt.text.documents import END_OF_TEXT

EMPTY_LINE = "\n\n"


class Piece(NamedTuple):
    """A stretch of text by one author."""

    text: str
    markup: bool
    """Written by the format: its marks may become special tokens. Content never does."""
    trained: bool
    """To be written by the model; markup that is trained is the mark that ends an answer."""


@dataclass(frozen=True)
class Format:
    """A way to write a conversation."""

    between: Mapping[tuple[str, str], str]
    """What stands between two neighbours: roles, or `begin` and `end`."""
    stop: str
    """The mark that ends an answer."""
    around: tuple[str, str] = ("", "")
    """White space at both ends of an answer, which the model writes."""
    first_gap: str = EMPTY_LINE
    """What the first empty line of a question is written as."""
    begins_text: bool = True
    """Whether a row begins with the tokens that the tokenizer puts before every text."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """A whole conversation.

        Raises:
            BadInput: the roles are out of order, or the last message is no answer.
        """
        check_turns(messages, last="assistant")
        return [*self.turns(messages), self.mark("assistant", "end")]

    def prompt(self, messages: Sequence[Message]) -> list[Piece]:
        """A conversation up to where the next answer begins.

        Raises:
            BadInput: the roles are out of order, or the last message is no question.
        """
        check_turns(messages, last="user")
        return [*self.turns(messages), self.mark("user", "assistant")]

    def answer(self, content: str) -> list[Piece]:
        """What the model is to write: an answer and its end."""
        before, after = self.around
        text = Piece(before + content + after, markup=False, trained=True)
        return [text, Piece(self.stop, markup=True, trained=True)]

    def turns(self, messages: Sequence[Message]) -> list[Piece]:
        """Each message behind what stands before it."""
        pieces, previous = [], "begin"
        for message in messages:
            role, content = message["role"], message["content"]
            written = self.answer(content) if role == "assistant" else self.given(role, content)
            pieces += [self.mark(previous, role), *written]
            previous = role
        return pieces

    def given(self, role: str, content: str) -> list[Piece]:
        """A message that the model reads."""
        head, gap, rest = content.partition(EMPTY_LINE)
        if role == "user" and gap and self.first_gap != gap:
            mark = Piece(self.first_gap, markup=True, trained=False)
            return [Piece(head, False, False), mark, Piece(rest, False, False)]
        return [Piece(content, markup=False, trained=False)]

    def mark(self, previous: str, following: str) -> Piece:
        """What stands between two neighbours."""
        if (previous, following) not in self.between:
            raise BadInput(f"the format has no place for a message by the {following}")
        return Piece(self.between[previous, following], markup=True, trained=False)


ALPACA = Format(
    between={
        ("begin", "system"): "",
        ("begin", "user"): "### Instruction:\n",
        ("system", "user"): "\n\n### Instruction:\n",
        ("user", "assistant"): "\n\n### Response:",
        ("assistant", "user"): "\n\n### Instruction:\n",
        ("assistant", "end"): "",
    },
    stop=END_OF_TEXT,
    first_gap="\n\n### Input:\n",
)
CHATML = Format(
    between={
        ("begin", "system"): "<|im_start|>system\n",
        ("begin", "user"): "<|im_start|>user\n",
        ("system", "user"): "<|im_end|>\n<|im_start|>user\n",
        ("user", "assistant"): "<|im_end|>\n<|im_start|>assistant\n",
        ("assistant", "user"): "\n<|im_start|>user\n",
        ("assistant", "end"): "\n",
    },
    stop="<|im_end|>",
)
LLAMA_2 = Format(
    between={
        ("begin", "system"): "<s>[INST] <<SYS>>\n",
        ("begin", "user"): "<s>[INST] ",
        ("system", "user"): "\n<</SYS>>\n\n",
        ("user", "assistant"): " [/INST]",
        ("assistant", "user"): "<s>[INST] ",
        ("assistant", "end"): "",
    },
    stop="</s>",
    around=(" ", " "),
)
PLAIN = Format(
    between={
        ("begin", "system"): "",
        ("begin", "user"): "Question: ",
        ("system", "user"): "\n\nQuestion: ",
        ("user", "assistant"): "\nAnswer:\n",
        ("assistant", "user"): "\n\nQuestion: ",
        ("assistant", "end"): "",
    },
    stop=END_OF_TEXT,
)
FORMATS = {"alpaca": ALPACA, "chatml": CHATML, "llama-2": LLAMA_2, "plain": PLAIN}
