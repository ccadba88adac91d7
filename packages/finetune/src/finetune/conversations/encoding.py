"""From a conversation to tokens, with a mask of the tokens that the model learns to write.

Three rules keep training and generation on the same tokens:

- An answer is encoded separately from the text before it. The prompt is then the same tokens with
  the answer (in training) and without it (in generation), and BPE cannot merge across the boundary.
- A delimiter of the format becomes a special token if the tokenizer has one for it. Text of a
  message never does.
- An answer ends with the stop token, and the stop token counts in the loss. It is the special token
  of the format's stop delimiter, or END_OF_TEXT. Padding may be the same token: the mask is made by
  position, not by id, so the model still learns to stop.

A row longer than the context is truncated at its end. A truncated answer has lost its stop token,
so the model does not learn to stop in the middle. A row that has lost all answers is left out.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import regex

from finetune.conversations.formats import Format, Piece
from finetune.conversations.messages import Conversation, Message
from finetune.conversations.parsing import DelimiterInContent, conversation_text
from finetune.conversations.special_tokens import special_tokens, stop_token
from gpt.errors import BadInput
from gpt.policy.rows import Example, prompt_answer_example
from gpt.text.pretrained_tokenizer import PretrainedTokenizer, split_keeping_matches
from gpt.text.tokenizers import Tokenizer


class EncodedConversations(NamedTuple):
    """The rows of a data set, and counts of the conversations that did not fit."""

    examples: list[Example]
    n_truncated: int
    """Rows that lost their end, because the context is too short."""
    n_too_long: int
    """Conversations left out, because no answer begins within the context."""
    n_with_delimiters: int
    """Conversations left out, because a message contains a delimiter of the format."""


def encode_conversations(
    format: Format,
    tokenizer: Tokenizer,
    conversations: Iterable[Conversation],
    context: int,
) -> EncodedConversations:
    """Return the conversations as rows of at most `context` tokens.

    Raises:
        BadInput: a conversation is malformed, or no row has a token to train on.
    """
    examples, n_truncated, n_too_long, n_with_delimiters = [], 0, 0, 0
    for conversation in conversations:
        try:
            full = conversation_example(format, tokenizer, conversation.messages)
        except DelimiterInContent:
            n_with_delimiters += 1
            continue
        row = Example(full.tokens[:context], full.mask[:context])
        if any(row.mask[1:]):  # nothing predicts the first token
            examples.append(row)
            n_truncated += row != full
        else:
            n_too_long += 1
    if not examples:
        raise BadInput(
            f"nothing is left to train on: {n_too_long} conversations have no answer within a "
            f"context of {context} tokens, {n_with_delimiters} contain a delimiter of the format"
        )
    return EncodedConversations(examples, n_truncated, n_too_long, n_with_delimiters)


def conversation_example(
    format: Format, tokenizer: Tokenizer, messages: Sequence[Message]
) -> Example:
    """Return a whole conversation as one row; every token of every answer counts in the loss.

    Raises:
        DelimiterInContent: a message contains a delimiter for which there is no special token.
    """
    messages = format.trim(messages)
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
    """Return a prompt and one answer as a row; only this answer counts in the loss.

    Raises:
        DelimiterInContent: a message contains a delimiter for which there is no special token.
    """
    *messages, last = format.trim([*messages, {"role": "assistant", "content": answer}])
    check_delimiters(format, tokenizer, [*messages, last])
    prompt = prompt_tokens(format, tokenizer, messages)
    answer_tokens = encode_pieces(format, tokenizer, format.answer(last["content"]))
    return prompt_answer_example(prompt, answer_tokens)


def prompt_tokens(format: Format, tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int]:
    """Return the tokens that prompt for an answer, the same that precede it in training.

    Raises:
        DelimiterInContent: a message contains a delimiter for which there is no special token.
    """
    messages = format.trim(messages)
    # the check parses a whole conversation, so the prompt gets a stand-in for the answer
    check_delimiters(format, tokenizer, [*messages, {"role": "assistant", "content": "any"}])
    tokens = encode_pieces(format, tokenizer, format.prompt(messages))
    return missing_prefix(format, tokenizer, tokens) + tokens


def check_delimiters(format: Format, tokenizer: Tokenizer, messages: Sequence[Message]) -> None:
    """Refuse messages that contain a delimiter, unless the delimiters have special tokens."""
    specials = special_tokens(tokenizer)
    for delimiter in filter(str.strip, format.between.values()):
        if not any(special in delimiter for special in specials):  # it is ordinary text
            conversation_text(format, messages)  # raises if it cannot be parsed back
            return


def encode_pieces(format: Format, tokenizer: Tokenizer, pieces: Iterable[Piece]) -> list[int]:
    """Return the tokens of pieces; all text between two special tokens is encoded at once."""
    specials = special_tokens(tokenizer)
    # "(?!)" matches nowhere, as there are no special tokens to find
    pattern = (
        regex.compile(r"\L<specials>", specials=specials) if specials else regex.compile("(?!)")
    )
    parts: list[int | str] = []  # special tokens by id, and the texts between them
    for piece in pieces:
        if not piece.markup:
            parts.append(piece.text)
        elif piece.trained:
            parts.append(stop_token(format, tokenizer))
        else:
            texts = split_keeping_matches(pattern, piece.text)
            parts += [specials.get(each, each) for each in texts]
    tokens, text = [], ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:  # it ends the text that was collected
            tokens += [*tokenizer.encode(text), part]
            text = ""
    return tokens + tokenizer.encode(text)


def missing_prefix(format: Format, tokenizer: Tokenizer, tokens: list[int]) -> list[int]:
    """Return the ids, such as a BOS, that the tokenizer puts before every text, where missing.

    A chat template writes them itself, and the format of Llama 2 begins with its own `<s>`.
    """
    prefix = tokenizer.prefix if isinstance(tokenizer, PretrainedTokenizer) else []
    begins = tokens[: len(prefix)] == prefix
    return [] if begins or not format.begins_text else prefix
