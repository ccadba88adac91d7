"""Hold questions of a file out: whole questions, with all of their answers.

A question with several answers has several rows. If they were drawn one by one, a held-out row
would ask what another row has taught. So rows that begin with the same question stay together,
whatever their system message and their later turns. The order in which questions are held out
depends on their text only, so `finetune sft` and `finetune dpo` hold out mostly the same questions.

Where a whole file begins with one question, rows that differ in any message before the answer
count as different questions.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from finetune.conversations.messages import Conversation, Message, PreferencePair
from gpt.errors import BadInput

_Item = TypeVar("_Item")
HELD_OUT_SHARE = 0.1
"""Share of the rows of a file that is not trained on."""


def first_prompt(conversation: Conversation) -> list[Message]:
    """The messages before the first answer.

    Every answer of a conversation is trained on, after all messages before it. So two conversations
    have a prompt in common if and only if they have this one in common.
    """
    roles = [message["role"] for message in conversation.messages]
    return conversation.messages[: roles.index("assistant")]


def pair_prompt(pair: PreferencePair) -> list[Message]:
    """Messages before the two answers. Only the answers are trained on."""
    return pair.messages


def prompt_key(messages: Sequence[Message]) -> str:
    """A digest that is equal for prompts that differ in case or white space only."""
    said = [f"{each['role']}: {' '.join(each['content'].split()).casefold()}" for each in messages]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def question_key(messages: Sequence[Message]) -> str:
    """The digest of the first question alone."""
    return prompt_key([next(each for each in messages if each["role"] == "user")])


def drop_duplicates(items: Sequence[_Item]) -> list[_Item]:
    """The items without repetitions, in their order."""
    return list({repr(item): item for item in items}.values())


def split_by_prompt(
    items: Sequence[_Item], prompt: Callable[[_Item], Sequence[Message]]
) -> tuple[list[_Item], list[_Item]]:
    """Items to train on, and about a tenth of them to be held out, whole questions at a time.

    A question with more rows than are still to be held out stays in training. Where all are too
    large, the one with the fewest rows is held out.

    Raises:
        BadInput: there are fewer than two questions.
    """
    prompts = [prompt(item) for item in items]
    keys = [question_key(messages) for messages in prompts]
    if len(set(keys)) == 1:
        keys = [prompt_key(messages) for messages in prompts]
    rows = Counter(keys)
    if len(rows) < 2:
        same = f"all {len(items)} usable rows ask the same question"
        found = same if len(items) > 1 else "there is only one usable row"
        raise BadInput(
            f"{found}; at least two questions are needed, one to train on and one to hold out"
        )
    missing = max(1, round(HELD_OUT_SHARE * len(items)))
    held_out: list[str] = []
    for key in sorted(rows):
        if rows[key] <= missing:
            held_out.append(key)
            missing -= rows[key]
    if not held_out:
        held_out = [min(sorted(rows), key=rows.__getitem__)]
    place = {key: number for number, key in enumerate(held_out)}
    found = list(zip(keys, items, strict=True))
    train = [item for key, item in found if key not in place]
    judged = sorted((each for each in found if each[0] in place), key=lambda each: place[each[0]])
    return train, [item for _, item in judged]
