"""Hold out questions of a file, each with all of its answers.

A question with several answers has several rows. If rows were held out one by one, a held-out row
could ask a question that was trained on. So rows that begin with the same question stay together,
even if their system messages or later turns differ. The order in which questions are held out
depends on their text only, so `finetune sft` and `finetune dpo` hold out mostly the same questions.

If all rows of a file begin with the same question, rows that differ in any message before the
answer count as different questions.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from finetune.conversations.messages import Conversation, Message
from gpt.errors import BadInput

_Item = TypeVar("_Item")
HELD_OUT_SHARE = 0.1
"""Share of the rows of a file that is held out."""


def first_prompt(conversation: Conversation) -> list[Message]:
    """Return the messages before the first answer.

    Every answer of a conversation is trained on, given all messages before it. So two conversations
    share a prompt if and only if they share this one.
    """
    roles = [message["role"] for message in conversation.messages]
    return conversation.messages[: roles.index("assistant")]


def prompt_key(messages: Sequence[Message]) -> str:
    """Return a digest that is equal for prompts that differ only in case or white space."""
    texts = [f"{each['role']}: {' '.join(each['content'].split()).casefold()}" for each in messages]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def split_by_prompt(
    items: Sequence[_Item], prompts: Sequence[Sequence[Message]]
) -> tuple[list[_Item], list[_Item]]:
    """Return the items to train on and about a tenth to hold out, whole questions at a time.

    A question with more rows than are still to be held out stays in training. If every question has
    too many rows, the one with the fewest is held out.

    Args:
        items: conversations or preference pairs.
        prompts: the messages that each item's answer is trained on.

    Raises:
        BadInput: there are fewer than two questions.
    """
    first_questions = [next(m for m in each if m["role"] == "user") for each in prompts]
    keys = [prompt_key([question]) for question in first_questions]
    if len(set(keys)) == 1:
        keys = [prompt_key(messages) for messages in prompts]
    n_rows = Counter(keys)
    if len(n_rows) < 2:
        same = f"all {len(items)} usable rows ask the same question"
        problem = same if len(items) > 1 else "there is only one usable row"
        raise BadInput(
            f"{problem}; at least two questions are needed, one to train on and one to hold out"
        )
    missing = max(1, round(HELD_OUT_SHARE * len(items)))
    held_out: list[str] = []
    for key in sorted(n_rows):
        if n_rows[key] <= missing:
            held_out.append(key)
            missing -= n_rows[key]
    if not held_out:
        held_out = [min(sorted(n_rows), key=n_rows.__getitem__)]
    order = {key: number for number, key in enumerate(held_out)}
    keyed = list(zip(keys, items, strict=True))
    train = [item for key, item in keyed if key not in order]
    chosen = sorted((each for each in keyed if each[0] in order), key=lambda each: order[each[0]])
    return train, [item for _, item in chosen]
