import dataclasses
import json

import pytest

from gpt.errors import BadInput
from gpt.text import bpe
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import AddedToken
from gpt.text.tokenizer_export import to_pretrained_tokenizer, write_hugging_face_tokenizer
from gpt.text.tokenizer_json import read_hugging_face_tokenizer
from gpt.text.tokenizers import CharacterTokenizer, WordTokenizer

OWN = BytePairTokenizer.train(["Return the number of items in a list of numbers.\n" * 4], 300)
FULL = dataclasses.replace(
    to_pretrained_tokenizer(OWN),
    splits=[r"\p{N}", r"\p{L}+", bpe.WORD_REGEX.pattern],
    added=[
        *to_pretrained_tokenizer(OWN).added,
        AddedToken(OWN.vocab_size, "<|begin|>", special=True),
        AddedToken(OWN.vocab_size + 1, "  ", special=False, rstrip=True),
    ],
    prefix=[OWN.vocab_size],
    chat_template="{{ messages[0].content }}",
    ignore_merges=True,
)


@pytest.mark.parametrize(
    "tokenizer",
    [to_pretrained_tokenizer(OWN), FULL, dataclasses.replace(FULL, splits=[r"\w+"])],
    ids=["plain", "full", "other-pattern"],
)
def test_what_is_written_is_read_again(tokenizer, tmp_path):
    write_hugging_face_tokenizer(tokenizer, tmp_path)
    assert read_hugging_face_tokenizer(tmp_path) == tokenizer


def test_the_template_may_be_a_file_and_roles_may_be_objects(tmp_path):
    write_hugging_face_tokenizer(FULL, tmp_path)
    (tmp_path / "chat_template.jinja").write_text("Hi")
    config = {"eos_token": {"content": "<|begin|>"}, "chat_template": "no"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    read = read_hugging_face_tokenizer(tmp_path)
    assert (read.chat_template, read.end_of_text) == ("Hi", OWN.vocab_size)


def test_the_default_of_several_templates_is_used(tmp_path):
    write_hugging_face_tokenizer(FULL, tmp_path)
    templates = [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]
    config = {"eos_token": "<|begin|>", "chat_template": templates}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert read_hugging_face_tokenizer(tmp_path).chat_template == "D"


def test_templates_without_a_default_are_refused(tmp_path):
    write_hugging_face_tokenizer(FULL, tmp_path)
    templates = [{"name": "tools", "template": "T"}, {"name": "rag", "template": "D"}]
    config = {"eos_token": "<|begin|>", "chat_template": templates}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="are called tools, rag; one must be called default"):
        read_hugging_face_tokenizer(tmp_path)


def test_an_older_template_file_does_not_hide_the_one_that_is_written(tmp_path):
    (tmp_path / "chat_template.jinja").write_text("old")
    write_hugging_face_tokenizer(FULL, tmp_path)
    assert read_hugging_face_tokenizer(tmp_path).chat_template == FULL.chat_template


@pytest.mark.parametrize("ends", ["5", [1, "2"], [-1]])
def test_ends_that_are_not_ids_are_refused(ends, tmp_path):
    write_hugging_face_tokenizer(FULL, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": ends}))
    with pytest.raises(
        BadInput, match=r"config.json has eos_token_id .*; it must be a token id or a list"
    ):
        read_hugging_face_tokenizer(tmp_path)


def test_the_end_may_be_given_in_the_models_config_only(tmp_path):
    write_hugging_face_tokenizer(to_pretrained_tokenizer(OWN), tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(BadInput, match="no token ends a text"):
        read_hugging_face_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": [OWN.end_of_text, 5]}))
    assert read_hugging_face_tokenizer(tmp_path).end_of_text == OWN.end_of_text


def test_older_files_write_merges_with_a_space(tmp_path):
    write_hugging_face_tokenizer(to_pretrained_tokenizer(OWN), tmp_path)
    pipeline = json.loads((tmp_path / "tokenizer.json").read_text())
    pipeline["model"]["merges"] = [" ".join(pair) for pair in pipeline["model"]["merges"]]
    pipeline["pre_tokenizer"] = pipeline["pre_tokenizer"]["pretokenizers"][0]
    (tmp_path / "tokenizer.json").write_text(json.dumps(pipeline))
    assert read_hugging_face_tokenizer(tmp_path) == to_pretrained_tokenizer(OWN)


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False}
FOREIGN = {
    "Unigram": (
        {"model": {"type": "Unigram", "vocab": []}},
        "a tokenizer of kind Unigram; only byte",
    ),
    "WordPiece": (
        {"model": {"type": "WordPiece"}},
        "a tokenizer of kind WordPiece; only byte-level",
    ),
    "no kind": (
        {"model": {}},
        "a tokenizer of kind unknown; only byte-level BPE is supp.* GPT-2, Llama 3",
    ),
    "sentencepiece": (
        {"model": {"type": "BPE", "byte_fallback": True, "vocab": {}, "merges": []}},
        "BPE with byte_fallback True",
    ),
    "CLIP": ({"model": {"type": "BPE", "end_of_word_suffix": "</w>"}}, "end_of_word_suffix '</w>'"),
    "normalizer": (
        {"normalizer": {"type": "NFC"}},
        "a normalizer of type NFC; only byte-level BPE",
    ),
    "decoder": ({"decoder": {"type": "Metaspace"}}, "a decoder of type Metaspace"),
    "no pre-tokenizer": ({"pre_tokenizer": None}, 'ends with {"type": "nothing"}'),
    "RoBERTa": ({"pre_tokenizer": BYTE_LEVEL | {"add_prefix_space": True}}, "ends with .*true"),
    "step": (
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [{"type": "Punctuation"}, BYTE_LEVEL],
            }
        },
        'with the step {"type": "Punctuation"}',
    ),
    "removal": (
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {
                        "type": "Split",
                        "behavior": "Removed",
                        "invert": False,
                        "pattern": {"String": " "},
                    },
                    BYTE_LEVEL,
                ],
            }
        },
        '"behavior": "Removed"',
    ),
    "text after": (
        {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}],
            }
        },
        "a post-processor with the step",
    ),
    "damaged merges": (
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}, "added_tokens": []},
        "is not a complete tokenizer",
    ),
    "no such merge": (
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a a"]}, "added_tokens": []},
        "the merge of 'a' and 'a' is not in the vocabulary",
    ),
    "damaged pattern": (
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {
                        "type": "Split",
                        "behavior": "Isolated",
                        "invert": False,
                        "pattern": {"Regex": "(("},
                    },
                    BYTE_LEVEL,
                ],
            }
        },
        "cannot split text by",
    ),
    "single word": (
        {"added_tokens": [{"id": 87, "content": "x", "single_word": True}]},
        "the added token 'x' has single_word True",
    ),
    "no vocabulary": ({"model": {"type": "BPE"}}, "is not a complete tokenizer"),
}


@pytest.mark.parametrize(("change", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_part_is_named_and_the_file_with_it(change, message, tmp_path):
    write_hugging_face_tokenizer(to_pretrained_tokenizer(OWN), tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadInput, match=rf"tokenizer\.json'.*{message}"):
        read_hugging_face_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", '"text"'])
def test_a_file_that_is_not_a_tokenizer_is_refused(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(
        BadInput, match=r"tokenizer\.json' (is not|holds a .* instead of a JSON object)"
    ):
        read_hugging_face_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"there is no file .*tokenizer\.json"):
        read_hugging_face_tokenizer(tmp_path)


def test_words_cannot_be_exported(tmp_path):
    with pytest.raises(BadInput, match="cannot export a WordTokenizer; only Byte"):
        write_hugging_face_tokenizer(WordTokenizer(["a"]), tmp_path)
    assert not list(tmp_path.iterdir())


def test_characters_become_words_of_one_character(tmp_path):
    write_hugging_face_tokenizer(CharacterTokenizer(["a", "\n"]), tmp_path)
    model = json.loads((tmp_path / "tokenizer.json").read_text())["model"]
    assert model["vocab"] == {"a": 0, "\n": 1, "<|endoftext|>": 2}
