"""From a conversation to tokens, and which of them the model is to learn.

Three rules keep training and generation on the same tokens:

- An answer is encoded apart from what stands before it. The prompt is then the same tokens when the
  answer is there (training) and when it is not (generation), and BPE cannot merge across the
  boundary.
- A mark of the format becomes a special token; a message never does, whatever it spells.
- An answer ends with the stop token, and the stop token counts. It is the tokenizer's own token
  for the format's mark, or END_OF_TEXT where the tokenizer has none. Padding is told from it by
  position and not by id, so the end is learned although padding may be the same token.

A row longer than the context is cut at its end. An answer that is cut has no stop token any more,
so the model is not taught to stop in the middle; a row whose answers are all cut away is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import regex

from finetune.conversations.formats import Format, Piece
from finetune.conversations.messages import Conversation, Message
from finetune.conversations.parsing import DelimiterInContent, conversation_text
from finetune.conversations.rows import Example, prompt_answer_example
from finetune.conversations.special_tokens import special_tokens, stop_token
from finetune.conversations.white_space import trim_as_template
from gpt.errors import BadInput
from gpt.text.pretrained_tokenizer import PretrainedTokenizer, split_keeping_matches
from gpt.text.tokenizers import Tokenizer


class EncodedConversations(NamedTuple):
    """The conversations of a data set as tokens."""

    examples: list[Example]
    n_cut: int
    """How many lost their end, as the context is too short."""
    n_too_long: int
    """How many are left out, as all of their answers were cut."""
    n_with_marks: int
    """How many are left out, as a message spells a mark of the format."""


def encode_conversations(
    format: Format,
    tokenizer: Tokenizer,
    conversations: Iterable[Conversation],
    context: int,
) -> EncodedConversations:
    """The conversations as rows of at most `context` tokens.

    Raises:
        BadInput: a conversation is none, or nothing is left to learn.
    """
    examples, n_cut, n_too_long, n_with_marks = [], 0, 0, 0
    for conversation in conversations:
        try:
            whole = conversation_example(format, tokenizer, conversation.messages)
        except DelimiterInContent:
            n_with_marks += 1
            continue
        row = truncate_example(whole, context)
        if any(row.mask[1:]):  # nothing predicts the first token
            examples.append(row)
            n_cut += row != whole
        else:
            n_too_long += 1
    if not examples:
        raise BadInput(
            f"nothing is left to learn: {n_too_long} conversations have no answer within a context "
            f"of {context} tokens, {n_with_marks} spell a mark of the format"
        )
    return EncodedConversations(examples, n_cut, n_too_long, n_with_marks)


def conversation_example(
    format: Format, tokenizer: Tokenizer, messages: Sequence[Message]
) -> Example:
    """A whole conversation; every token that the assistant wrote counts.

    Raises:
        MarkInContent: a message spells a mark, and the tokenizer has no special token for it.
    """
    messages = trim_as_template(format, messages)
    check_delimiters(format, tokenizer, messages)
    tokens: list[int] = []
    mask: list[bool] = []
    for trained, pieces in groupby(format.pieces(messages), key=lambda piece: piece.trained):
        more = encode_pieces(format, tokenizer, pieces)
        tokens += more
        mask += [trained] * len(more)
    prefix = missing_prefix(format, tokenizer, tokens)
    return Example(prefix + tokens, [False] * len(prefix) + mask)


def answer_example(
    format: Format, tokenizer: Tokenizer, messages: Sequence[Message], answer: str
) -> Example:
    """A conversation and one more answer, which alone counts; it ends with the stop token.

    Raises:
        MarkInContent: a message spells a mark, and the tokenizer has no special token for it.
    """
    *messages, last = trim_as_template(
        format, [*messages, {"role": "assistant", "content": answer}]
    )
    check_delimiters(format, tokenizer, [*messages, last])
    prompt = prompt_tokens(format, tokenizer, messages)
    return prompt_answer_example(
        prompt, encode_pieces(format, tokenizer, format.answer(last["content"]))
    )


def prompt_tokens(format: Format, tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int]:
    """The tokens that the model answers: exactly those that stand before the answer in training.

    Raises:
        MarkInContent: a message spells a mark, and the tokenizer has no special token for it.
    """
    messages = trim_as_template(format, messages)
    check_delimiters(format, tokenizer, [*messages, {"role": "assistant", "content": "any"}])
    tokens = encode_pieces(format, tokenizer, format.prompt(messages))
    return missing_prefix(format, tokenizer, tokens) + tokens


def missing_prefix(format: Format, tokenizer: Tokenizer, tokens: list[int]) -> list[int]:
    """The ids that the tokenizer puts before every text, such as a BOS, if a row needs them.

    A chat template writes them itself, and Llama 2's format begins with its own `<s>`.
    """
    prefix = tokenizer.prefix if isinstance(tokenizer, PretrainedTokenizer) else []
    begins = tokens[: len(prefix)] == prefix
    return [] if begins or not format.begins_text else prefix


def truncate_example(example: Example, context: int) -> Example:
    """The row without what does not fit."""
    return Example(example.tokens[:context], example.mask[:context])


def encode_pieces(format: Format, tokenizer: Tokenizer, pieces: Iterable[Piece]) -> list[int]:
    """Tokens of pieces that no boundary parts: text between special tokens is encoded as one."""
    tokens, text = [], ""
    for part in split_at_special_tokens(format, tokenizer, pieces):
        if isinstance(part, str):
            text += part
        else:
            tokens += [*tokenizer.encode(text), part]
            text = ""
    return tokens + tokenizer.encode(text)


def split_at_special_tokens(
    format: Format, tokenizer: Tokenizer, pieces: Iterable[Piece]
) -> Iterator[int | str]:
    """Special tokens and the text between them."""
    specials = special_tokens(tokenizer)
    pattern = regex.compile(r"\L<marks>", marks=specials) if specials else regex.compile("(?!)")
    for piece in pieces:
        if not piece.markup:
            yield piece.text
        elif piece.trained:
            yield stop_token(format, tokenizer)
        else:
            yield from (
                specials.get(text, text) for text in split_keeping_matches(pattern, piece.text)
            )


def check_delimiters(format: Format, tokenizer: Tokenizer, messages: Sequence[Message]) -> None:
    """Refuse messages that spell a mark, unless every mark holds a special token, as in ChatML."""
    specials = special_tokens(tokenizer)
    marks = [mark for mark in format.between.values() if mark.strip()]
    if not all(any(special in mark for special in specials) for mark in marks):
        conversation_text(format, messages)
