r"""Chat formats: a conversation written as text for a model that only continues text.

A format tells the model who is speaking and where an answer ends. It is a table: for every two
neighbours (roles, or `begin` and `end`) it holds the delimiter that is written between them.

A conversation is written in pieces, and every piece records whether it comes from the format or
from a message, and whether it is trained on. The loss mask follows from these pieces. Searching the
finished text for the answers would not work: a message that contains a delimiter would move the
boundary.

- `ALPACA`: headings (Taori et al. 2023). The published prompts open with a sentence; pass it as the
  system message. The first empty line of a question separates the instruction from its input.
- `CHATML`: every message between two special tokens (OpenAI 2023).
- `LLAMA_2`: questions in `[INST]`, the system message inside the first one (Touvron et al. 2023).
- `PLAIN`: the shortest format that works. The answer begins on a new line, because BPE joins a
  space to the word after it: a prompt that ends in a space would change the first token of the
  answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from finetune.conversations.messages import Message, check_turns
from gpt.errors import BadInput
from gpt.text.documents import END_OF_TEXT

EMPTY_LINE = "\n\n"


class Piece(NamedTuple):
    """A stretch of text that comes from the format or from one message."""

    text: str
    markup: bool
    """True for text of the format, which may become special tokens. Messages never do."""
    trained: bool
    """True for text that the model learns to write: an answer, and the markup that ends it."""


@dataclass(frozen=True)
class Format:
    """A way to write a conversation as text."""

    between: Mapping[tuple[str, str], str]
    """The delimiter between two neighbours: roles, or `begin` and `end`."""
    stop: str
    """The delimiter that ends an answer. The model learns to write it."""
    around: tuple[str, str] = ("", "")
    """White space before and after an answer, which the model writes too; " " for LLAMA_2."""
    first_gap: str = EMPTY_LINE
    """Markup in place of the first empty line of a question; of ALPACA the heading of the input."""
    begins_text: bool = True
    """Whether a row starts with the tokens that the tokenizer puts before every text."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """Return the pieces of a whole conversation.

        Raises:
            BadInput: the roles are out of order, or the last message is not an answer.
        """
        check_turns(messages, last="assistant")
        return [*self.turn_pieces(messages), self.delimiter("assistant", "end")]

    def prompt(self, messages: Sequence[Message]) -> list[Piece]:
        """Return the pieces of a conversation up to the point where the next answer begins.

        Raises:
            BadInput: the roles are out of order, or the last message is not a question.
        """
        check_turns(messages, last="user")
        return [*self.turn_pieces(messages), self.delimiter("user", "assistant")]

    def answer(self, content: str) -> list[Piece]:
        """Return the pieces that the model learns to write: an answer and the stop delimiter."""
        before, after = self.around
        text = Piece(before + content + after, markup=False, trained=True)
        return [text, Piece(self.stop, markup=True, trained=True)]

    def turn_pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """Return the pieces of all messages, each after its delimiter."""
        pieces, previous = [], "begin"
        for message in messages:
            role, content = message["role"], message["content"]
            pieces.append(self.delimiter(previous, role))
            if role == "assistant":
                pieces += self.answer(content)
            else:
                pieces += self.message_pieces(role, content)
            previous = role
        return pieces

    def message_pieces(self, role: str, content: str) -> list[Piece]:
        """Return the pieces of a question or a system message, which are not trained on."""
        head, gap, rest = content.partition(EMPTY_LINE)
        if role == "user" and gap and self.first_gap != gap:
            heading = Piece(self.first_gap, markup=True, trained=False)
            return [Piece(head, False, False), heading, Piece(rest, False, False)]
        return [Piece(content, markup=False, trained=False)]

    def delimiter(self, previous: str, following: str) -> Piece:
        """Return the markup between two neighbours."""
        if (previous, following) not in self.between:
            raise BadInput(
                f"the format has no place for a message by the {following} "
                f"{'at the beginning' if previous == 'begin' else f'after the {previous}'}"
            )
        return Piece(self.between[previous, following], markup=True, trained=False)

    def trim(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages as they are; a chat template's format may strip their white space."""
        return list(messages)


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
