"""Columns and keys of turns in published data sets, and their meaning here.

A layout uses some columns of a row (`layouts`, `pair_layouts`). Any other column must be listed
here as metadata, be empty, or repeat what the layout has used. It is refused by name otherwise,
because a column that means something and is ignored changes what is learned without a word. The
keys of a turn follow the same rule. `--ignore-columns` removes columns and keys before they are
looked at.
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
"""Columns that do not change what is learned, by what they say."""

PREFERENCE_COLUMNS = {"chosen", "rejected"}
"""Metadata of a conversation only: `finetune dpo` and `finetune reward` learn from them."""
ANSWER_COLUMNS = {"completion", "response", "output"}
"""Metadata of a preference only: `finetune sft` learns from them."""

TURN_METADATA = {"id", "message_id", "parent_id", "timestamp", "date", "lang", "language", "model"}
TRAINED_KEYS = {"weight", "loss", "train"}
"""Keys that say whether a turn is trained on: 1 or true, 0 or false."""

COMPLETION_METADATA = {
    "model", "principle", "custom_system_prompt", "annotations", "critique", "fine-grained_score",
    "overall_score", "score",
}  # fmt: skip
"""Keys of a scored completion: who wrote it, under which instructions, and how it was rated."""

TOOLS_REASON = "describes tools; models here are not taught to call any"
MEDIA_REASON = "holds pictures or sound; models here read text only"
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
    "label": "does not say True, so the answer is not known to be a good one",
    "margin": "asks for a margin between two answers, which no loss here has",
    "chat_template_kwargs": "holds options of a chat template, which get no options here",
    "thinking": "holds thoughts of the model; put them into the content if they should be learned",
    "reasoning": "holds thoughts of the model; put them into the content if they should be learned",
    "reasoning_content": "holds thoughts of the model; put them into the content if they should be "
    "learned",
    "name": "names the speaker; put the name into the content if it should be learned",
    "split": "marks rows that are not for training; keep only the training rows and drop this "
    "column",
    "text": "is not the row's other columns written out; give plain text to gpt train",
}
"""Known columns and keys that would change what is learned, and cannot be used."""


def check_columns(
    columns: Mapping[str, Any], used: Collection[str], texts: Collection[str]
) -> None:
    """Refuse columns that mean something and are not used.

    Args:
        columns: a row.
        used: columns that the layout has read, and further metadata.
        texts: contents of the messages that the layout has made.

    Raises:
        BadInput: a column is neither used, nor metadata, nor empty, nor a repetition, nor (as
            Alpaca's `text`) the whole row written out, nor the label of a good answer.
    """
    metadata = set(used).union(*METADATA.values())
    refused = []
    for name, value in columns.items():
        if name in metadata or is_empty(value) or is_repetition(value, texts):
            continue
        if name == "text" and isinstance(value, str) and all(t.strip() in value for t in texts):
            continue
        if name == "label" and value is True:  # KTO's, of a good answer
            continue
        refused.append(name)
    if refused:
        reasons = "; ".join(f"column {name!r} {unusable_reason(name)}" for name in refused)
        ignored = ",".join(refused)
        raise BadInput(f"{reasons} (--ignore-columns {ignored} ignores what is named here)")


def check_keys(turn: Mapping[str, Any], used: Collection[str], role: str, content: str) -> None:
    """Refuse keys of a turn that mean something and are not used.

    A weight is accepted if it agrees with what this package does: train on answers only. An answer
    of weight 0 is refused: a conversation here is a list of roles and contents in every format,
    template and run folder, and has no place for one.
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
                f"turns are not (--ignore-columns {name} trains on all answers alike)"
            )
        raise BadInput(
            f"a turn's {name!r} {unusable_reason(name)} (--ignore-columns {name} ignores it)"
        )


def unusable_reason(name: str) -> str:
    """Why a column or key cannot be used, as the rest of a sentence."""
    return UNUSABLE_COLUMNS.get(name, "is not known, so its content would be lost")


def is_empty(value: Any) -> bool:
    """Whether a value says nothing: a blank text, also `[]` or `{}`, or a list or object of such.

    A table (parquet, or a data set of the hub) has every key in every row, most of them empty.
    """
    if isinstance(value, str):
        return value.strip() in ("", "[]", "{}")
    values = value.values() if isinstance(value, dict) else value
    return value is None or (isinstance(value, list | dict) and all(map(is_empty, values)))


def is_repetition(value: Any, texts: Collection[str]) -> bool:
    """Whether a text, or each turn of a list, is one of `texts`.

    Published sets repeat the prompt next to `messages`, and `chosen` as `messages`.
    """
    turns = value if isinstance(value, list) else [{"content": value}]
    contents = [each.get("content") if isinstance(each, dict) else None for each in turns]
    known = {text.strip() for text in texts}
    return all(isinstance(each, str) and each.strip() in known for each in contents)


def drop_keys(value: Any, names: Collection[str]) -> Any:
    """A row without these columns, and its turns without these keys."""
    if isinstance(value, dict):
        return {name: drop_keys(each, names) for name, each in value.items() if name not in names}
    if isinstance(value, list):
        return [drop_keys(each, names) for each in value]
    return value


def all_keys(value: Any) -> set[str]:
    """The columns of a row and the keys of its turns."""
    if isinstance(value, dict):
        return set(value).union(*map(all_keys, value.values()))
    return set().union(*map(all_keys, value)) if isinstance(value, list) else set()
