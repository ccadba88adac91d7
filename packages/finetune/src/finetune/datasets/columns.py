"""Columns that a row may have, and keys that a turn may have, besides those that are used.

A layout uses some columns of a row (`layouts`, `pair_layouts`). Any other column must be metadata
(listed here), be empty, or repeat a text of the conversation. Otherwise the row is refused and the
error names the column, because ignoring its content would silently change what the model learns.
The keys of a turn follow the same rule. `--ignore-columns` removes columns and keys before this
check.
"""

from collections.abc import Collection, Mapping
from typing import Any

from gpt.errors import BadInput

METADATA = {
    "identifier of the row": {
        "id", "_id", "idx", "index", "row_id", "uuid", "hash", "__index_level_0__", "prompt_id",
        "question_id", "conversation_id", "message_id", "parent_id", "message_tree_id", "user_id",
    },
    "origin of the row": {
        "source", "sources", "dataset", "data_source", "dataset_name", "original_dataset", "subset",
        "license", "url", "timestamp", "date", "created_at", "created_date",
        "avatarUrl", "views",
    },
    "kind of task": {
        "category", "categories", "task", "task_type", "task_name", "topic", "topics", "domain",
        "subject", "tags", "lang", "language", "difficulty", "level", "turn", "n_turns",
        "num_turns",
    },
    "author of an answer": {
        "model", "models", "model_name", "generator", "generation_model", "chosen_model",
        "rejected_model", "chosen-model", "rejected-model", "chosen_policy", "rejected_policy",
        "annotator", "worker_id",
    },
    "rating of an answer or a conversation": {
        "score_chosen", "score_rejected", "chosen_score", "rejected_score", "rating_chosen",
        "rating_rejected", "chosen_rating", "rejected_rating", "chosen_avg_rating",
        "rejected_avg_rating", "chosen-rating", "rejected-rating",
        "correct_answers", "incorrect_answers", "openai_moderation", "redacted",
    },
}  # fmt: skip
"""Columns that do not change what the model learns, by their meaning."""

PREFERENCE_COLUMNS = {"chosen", "rejected"}
"""Metadata in a conversation only: `finetune dpo` and `finetune reward` train on them."""
ANSWER_COLUMNS = {"completion", "response", "output"}
"""Metadata in a preference pair only: `finetune sft` trains on them."""

TURN_METADATA = {"id", "message_id", "parent_id", "timestamp", "date", "lang", "language", "model"}
TRAINED_KEYS = {"weight", "loss", "train"}
"""Keys that say whether a turn is trained on (1 or true) or not (0 or false)."""

COMPLETION_METADATA = {
    "model", "principle", "custom_system_prompt", "annotations", "critique", "fine-grained_score",
    "overall_score", "score",
}  # fmt: skip
"""Keys of a scored completion: its author, the author's instructions, and its ratings."""

TOOLS_REASON = "describes tools, and models here do not learn to call tools"
MEDIA_REASON = "holds pictures or sound, and models here read text only"
REASONING_REASON = "holds the model's reasoning; move it into the content to train on it"
UNUSABLE_COLUMNS = {
    "tools": TOOLS_REASON,
    "functions": TOOLS_REASON,
    "tool_calls": TOOLS_REASON,
    "tool_call_id": TOOLS_REASON,
    "function_call": TOOLS_REASON,
    "image": MEDIA_REASON,
    "images": MEDIA_REASON,
    "videos": MEDIA_REASON,
    "audio": MEDIA_REASON,
    "label": "is not True, so the answer may be a bad one",
    "margin": "asks for a margin between the answers, which no loss here supports",
    "chat_template_kwargs": "holds options of a chat template, and templates get no options here",
    "thinking": REASONING_REASON,
    "reasoning": REASONING_REASON,
    "reasoning_content": REASONING_REASON,
    "name": "names the speaker; move the name into the content to train on it",
    "split": "may mark rows that are not for training; keep the training rows and drop the column",
    "text": "does not contain the texts of the other columns; train on plain text with gpt train",
}
"""Known columns and keys that cannot be used, and the reason as the rest of a sentence."""
UNKNOWN_COLUMN = "is not known, so its content would be lost"


def check_columns(
    columns: Mapping[str, Any], used: Collection[str], texts: Collection[str]
) -> None:
    """Refuse columns whose content would be lost.

    Args:
        columns: a row.
        used: columns that the layout reads, and those that are metadata in this kind of row.
        texts: contents of the messages that were made from the row.

    Raises:
        BadInput: a column is not used, not metadata, not empty and no repetition. Accepted as well
            are Alpaca's `text`, which contains the texts of the whole row, and a `label` that is
            True.
    """
    metadata = set(used).union(*METADATA.values())
    refused = []
    for name, value in columns.items():
        if name in metadata or is_empty(value) or is_repetition(value, texts):
            continue
        if name == "text" and isinstance(value, str) and all(t.strip() in value for t in texts):
            continue
        if name == "label" and value is True:  # a good answer in data for KTO
            continue
        refused.append(name)
    if refused:
        reasons = "; ".join(
            f"column {name!r} {UNUSABLE_COLUMNS.get(name, UNKNOWN_COLUMN)}" for name in refused
        )
        ignored = ",".join(refused)
        raise BadInput(f"{reasons} (--ignore-columns {ignored} ignores such content)")


def check_keys(turn: Mapping[str, Any], used: Collection[str], role: str, content: str) -> None:
    """Refuse keys of a turn whose content would be lost.

    A weight is accepted if it agrees with this package, which trains on all answers and on nothing
    else. An answer of weight 0 is refused: conversations are lists of roles and contents here, and
    could not store the weight.
    """
    for name, value in turn.items():
        if (
            name in used
            or name in TURN_METADATA
            or is_empty(value)
            or is_repetition(value, [content])
        ):
            continue
        if name in TRAINED_KEYS:
            if value in (0, 1) and bool(value) == (role == "assistant"):
                continue
            raise BadInput(
                f"a turn by the {role} has {name} {value!r}; answers are trained on and other "
                f"turns are not (--ignore-columns {name} trains on all answers)"
            )
        reason = UNUSABLE_COLUMNS.get(name, UNKNOWN_COLUMN)
        raise BadInput(f"a turn's {name!r} {reason} (--ignore-columns {name} ignores it)")


def is_empty(value: Any) -> bool:
    """Return whether a value is None, a blank text, "[]", "{}", or a list or object of such values.

    A table (parquet, or a hub data set) has every key in every row, and most of them are empty.
    """
    if isinstance(value, str):
        return value.strip() in ("", "[]", "{}")
    values = value.values() if isinstance(value, dict) else value
    return value is None or (isinstance(value, list | dict) and all(map(is_empty, values)))


def is_repetition(value: Any, texts: Collection[str]) -> bool:
    """Return whether a text, or every turn of a list, is one of `texts`.

    Published sets repeat the prompt next to `messages`, or repeat `chosen` as `messages`.
    """
    turns = value if isinstance(value, list) else [{"content": value}]
    contents = [each.get("content") if isinstance(each, dict) else None for each in turns]
    known = {text.strip() for text in texts}
    return all(isinstance(each, str) and each.strip() in known for each in contents)


def drop_keys(value: Any, names: Collection[str]) -> Any:
    """Return a row without these columns, and its turns without these keys."""
    if isinstance(value, dict):
        return {name: drop_keys(each, names) for name, each in value.items() if name not in names}
    if isinstance(value, list):
        return [drop_keys(each, names) for each in value]
    return value


def all_keys(value: Any) -> set[str]:
    """Return the columns of a row and the keys of its turns."""
    if isinstance(value, dict):
        return set(value).union(*map(all_keys, value.values()))
    return set().union(*map(all_keys, value)) if isinstance(value, list) else set()
