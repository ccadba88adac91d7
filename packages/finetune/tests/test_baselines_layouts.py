"""Rows of data files compared with trl: the texts made from a row, with their white space."""

import copy
import json
from dataclasses import replace

import pytest

pytest.importorskip("trl", reason="baselines: needs the extra baselines")

from transformers import AutoTokenizer
from trl.data_utils import apply_chat_template, maybe_convert_to_chatml

from finetune.conversations.encoding import answer_example, conversation_example
from finetune.conversations.special_tokens import with_special_tokens
from finetune.conversations.template import template_format
from finetune.datasets.layouts import parse_conversation
from finetune.datasets.pair_layouts import parse_preference
from finetune.datasets.selection import Selection
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.tokenizer_export import write_hugging_face_tokenizer
from gpt.text.tokenizers import decode

pytestmark = pytest.mark.baselines

CODE = "    return a + b\n\n    # done\n"


def turn(role, content):
    return {"role": role, "content": content}


ASKED = turn("user", " Write the body of\n\ndef add(a, b):\n")
CONVERSATIONS = {
    "messages": {"messages": [ASKED, turn("assistant", CODE)]},
    "a system message": {
        "messages": [turn("system", "\tYou write code. "), ASKED, turn("assistant", CODE)]
    },
    "two exchanges": {
        "messages": [
            ASKED,
            turn("assistant", CODE),
            turn("user", "Why? "),
            turn("assistant", " So"),
        ]
    },
    "prompt and completion": {"prompt": [ASKED], "completion": [turn("assistant", CODE)]},
    "from and value": {
        "conversations": [
            {"from": "user", "value": ASKED["content"]},
            {"from": "assistant", "value": CODE},
        ]
    },
}
PAIRS = {
    "prompt and two answers": {
        "prompt": [ASKED],
        "chosen": [turn("assistant", CODE)],
        "rejected": [turn("assistant", CODE.strip())],
    },
    "two conversations": {
        "chosen": [ASKED, turn("assistant", CODE)],
        "rejected": [ASKED, turn("assistant", "\n\n" + CODE)],
    },
}
TEMPLATES = {
    "keeps": ("{{ m.content }}", "{{ m.content }}"),
    "trims all": ("{{ m.content | trim }}", "{{ m.content | trim }}"),
    "trims questions": ("{{ m.content | trim }}", "{{ m.content }}"),
}


@pytest.fixture(scope="module", params=TEMPLATES)
def tokenizers(request, tmp_path_factory):
    """Our tokenizer and the library's, with a template that keeps white space or trims it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    ours = with_special_tokens(BytePairTokenizer.train([CODE + ASKED["content"]], 300))
    other, answer = TEMPLATES[request.param]
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' %}" + answer + "{% else %}" + other + "{% endif %}"
        "<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    ours = replace(ours, chat_template=template)
    write_hugging_face_tokenizer(ours, folder)
    return ours, AutoTokenizer.from_pretrained(folder)


def saved(path, row):
    path.write_text(json.dumps([row]))
    return str(path)


@pytest.mark.parametrize("row", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations_are_the_texts_of_trl(tmp_path, tokenizers, row):
    """White space is compared too."""
    ours, library = tokenizers
    (conversation,) = Selection().load(saved(tmp_path / "rows.json", row), parse_conversation)
    theirs = apply_chat_template(maybe_convert_to_chatml(copy.deepcopy(row)), library)
    text = theirs.get("text") or theirs["prompt"] + theirs["completion"]
    row = conversation_example(template_format(ours), ours, conversation.messages)
    assert decode(ours, row.tokens) == text


@pytest.mark.parametrize("row", PAIRS.values(), ids=PAIRS)
def test_pairs_are_the_texts_of_trl(tmp_path, tokenizers, row):
    ours, library = tokenizers
    theirs = apply_chat_template(copy.deepcopy(row), library)
    (pair,) = Selection().load(saved(tmp_path / "rows.json", row), parse_preference)
    for side in ("chosen", "rejected"):
        # Our answers end with the stop token, after which this template writes a newline.
        text = (theirs.get("prompt", "") + theirs[side]).removesuffix("\n")
        made = answer_example(template_format(ours), ours, pair.messages, getattr(pair, side))
        assert decode(ours, made.tokens) == text


def test_texts_without_turns_keep_their_white_space(tmp_path):
    """trl's text of such a row is its prompt and its completion, joined without changes."""
    row = {"prompt": "def add(a, b):\n", "completion": CODE}
    (conversation,) = Selection().load(saved(tmp_path / "rows.json", row), parse_conversation)
    assert "".join(each["content"] for each in conversation.messages) == "".join(row.values())
