"""Tokenizers, chat templates and weights compared with transformers on the same files."""

import dataclasses
import random
import shutil

import pytest
import torch

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

from transformers import AutoModelForCausalLM, AutoTokenizer

from gpt.files import read_json
from gpt.pretrained.chat import render_chat
from gpt.pretrained.gguf_file import open_gguf
from gpt.pretrained.gguf_tokenizer import LLAMA_3, gguf_tokenizer
from gpt.pretrained.shapes import config_from_transformers
from gpt.pretrained.smollm2 import (
    SMOLLM2_135M,
    SMOLLM2_GGUF_FILE,
    ensure_converted,
    smollm2_file,
)
from gpt.text import bpe
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import AddedToken
from gpt.text.tokenizer_export import to_pretrained_tokenizer, write_hugging_face_tokenizer
from gpt.text.tokenizer_json import DIGIT_PATTERN, read_hugging_face_tokenizer
from gpt.text.tokenizers import CharacterTokenizer, WordLevelTokenizer, decode

pytestmark = pytest.mark.baselines

PIECES = [
    "0", "7", "12", "2026", "3.14", "1,000,000", "½", "²", "٣", "一", " ", "  ", "   ", "\t", "\n",
    "\n\n", "\r\n", "\u00a0", "\u2028", "\u3000", "\x1c", "\x85", "the", "The", "it's", "we'LL",
    "don\u2019t", "'\u017f", "naïve", "cafe\u0301", "n\u0303\u0323", "日本語", "テキスト", "한국어",
    "العربية", "हिन्दी", "ไทย", "😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "👍🏽", "🇫🇷",
    "def f(x):\n    return x ** 2", "if (a <= 10) {", "};", "    ", "\t\tx = [1, 2]", "a_b",
    "CamelCase", "http://a.b/c?d=1", "<|im_end|>", "<|im_start|>user\n", "<|endoftext|>", "<|im_",
    "<file_sep>", "\x00", "\x01", "\x04", "\x1f", "\x7f", "\ufffd", "\ufeff", "\U00100000",
    "!!!", "...", "—", "§", "a" * 40,
]  # fmt: skip


def awkward(count: int) -> list[str]:
    """The empty string, then strings of awkward pieces, then of any characters."""
    draw, texts = random.Random(0), [""]
    while len(texts) < count:
        pieces = draw.choices(PIECES, k=draw.randint(1, 8))
        if len(texts) % 4 == 0:
            pieces += [chr(draw.choice([draw.randrange(0x250), draw.randrange(0xD800)]))
                       for _ in range(draw.randint(1, 8))]  # fmt: skip
            draw.shuffle(pieces)
        texts.append(draw.choice(["", " "]).join(pieces))
    return texts


@pytest.fixture(scope="module")
def smollm2(smollm2_wheel):
    """The GGUF file."""
    return smollm2_file()


@pytest.fixture(scope="module")
def library(smollm2):
    """SmolLM2's tokenizer as transformers reads it from the GGUF file."""
    return AutoTokenizer.from_pretrained(smollm2.parent, gguf_file=SMOLLM2_GGUF_FILE)


@pytest.fixture(scope="module")
def ours(smollm2):
    """SmolLM2's tokenizer as we read it from the GGUF file."""
    return gguf_tokenizer(
        {
            name: field.contents()
            for name, field in open_gguf(smollm2).fields.items()
            if name.startswith("tokenizer.")
        }
    )


def assert_same(ours, library, texts):
    for text in texts:
        ids = library(text, add_special_tokens=False).input_ids
        assert ours.encode_with_specials(text) == ids, text
        assert decode(ours, ids) == library.decode(ids), text
        plain = library(text, add_special_tokens=False, split_special_tokens=True).input_ids
        assert ours.encode(text) == plain, text


@pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_awkward_strings_have_the_ids_that_transformers_gives_them(count, ours, library):
    assert_same(ours, library, awkward(count))


@pytest.fixture(scope="module")
def single_digits(ours):
    """The tokenizer with single digits, as SmolLM2 was trained."""
    return dataclasses.replace(ours, splits=[DIGIT_PATTERN, bpe.WORD_REGEX.pattern])


@pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_with_single_digits_awkward_strings_have_the_ids_of_the_library(
    count, single_digits, tmp_path
):
    write_hugging_face_tokenizer(single_digits, tmp_path)
    assert_same(single_digits, AutoTokenizer.from_pretrained(tmp_path), awkward(count))
    # the ids that end generation are in the files of a model
    assert read_hugging_face_tokenizer(tmp_path) == dataclasses.replace(single_digits, end_ids=[])


def test_the_difference_that_single_digits_make(ours, single_digits):
    text = "a\n\n1. b"
    assert [decode(single_digits, [token]) for token in single_digits.encode(text)] == [
        "a",
        "\n\n",
        "1",
        ".",
        " b",
    ]
    assert [decode(ours, [token]) for token in ours.encode(text)] == [
        "a", "\n", "\n", "1", ".", " b",
    ]  # fmt: skip


CHATS = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "  Hi\n\n"}],
    [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2 <|im_end|> {{ 3 }}"},
        {"role": "user", "content": "日本語 😀"},
    ],
    [{"role": "assistant", "content": ""}],
]


@pytest.mark.parametrize("ask", [True, False])
@pytest.mark.parametrize("chat", CHATS, ids=["question", "system", "turns", "empty"])
def test_a_conversation_gives_the_text_of_transformers(chat, ask, ours, library):
    text = library.apply_chat_template(chat, tokenize=False, add_generation_prompt=ask)
    assert render_chat(ours.chat_template, chat, ours.roles, ask) == text


def test_a_tricky_template_gives_the_text_of_transformers(library):
    template = """{{ bos_token }}
{%- for m in messages %}
    {%- if loop.index > 2 %}{% break %}{% endif %}
  {% generation %}
 {{ m | tojson }} {{ m.content.strip() }}
 {%- endgeneration %}
    {# a remark #}
{% endfor %}
{{ eos_token if tools is none else 1 }}"""
    for chat in CHATS:
        text = library.apply_chat_template(chat, chat_template=template, tokenize=False)
        roles = library.special_tokens_map
        assert render_chat(template, chat, roles, add_generation_prompt=False) == text


DOCUMENTS = ["The list of items: 1, 22, 333.\n\tIt's naïve 日本語 😀!\n" * 4]
OWN = BytePairTokenizer.train(DOCUMENTS, 320)


def test_our_own_byte_pairs_are_the_same_in_transformers(tmp_path):
    write_hugging_face_tokenizer(OWN, tmp_path)
    library = AutoTokenizer.from_pretrained(tmp_path)
    assert library.eos_token_id == OWN.end_of_text
    assert len(library) == OWN.vocab_size
    assert_same(OWN, library, awkward(300))


def test_our_own_characters_are_the_same_in_transformers(tmp_path):
    characters = CharacterTokenizer.train(DOCUMENTS)
    write_hugging_face_tokenizer(characters, tmp_path)
    library = AutoTokenizer.from_pretrained(tmp_path)
    assert library.eos_token_id == characters.end_of_text
    for text in [*DOCUMENTS, "", "naïve\n\n 日1"]:
        assert library(text).input_ids == characters.encode(text)
        assert library.decode(characters.encode(text)) == text
    with pytest.raises(Exception, match="WordLevel error: Missing"):
        library("☃")


def test_our_own_words_are_the_same_in_transformers(tmp_path):
    words = WordLevelTokenizer([*map(str, range(20)), "+", "=", "think"])
    write_hugging_face_tokenizer(words, tmp_path)
    library = AutoTokenizer.from_pretrained(tmp_path)
    assert library.eos_token_id == words.end_of_text and len(library) == words.vocab_size
    for text in ["12 + 3 = 15 think", "", " 1  2\n19\t+"]:
        assert library(text).input_ids == words.encode(text)
        assert library.decode(words.encode(text)) == decode(words, words.encode(text)).strip()
    with pytest.raises(Exception, match="WordLevel error: Missing"):
        library("12+3")


def test_a_tokenizer_like_that_of_llama_3_is_the_same_in_transformers(tmp_path):
    own, next_id = to_pretrained_tokenizer(OWN), OWN.vocab_size
    tokenizer = dataclasses.replace(
        own,
        splits=[LLAMA_3],
        added=[*own.added, AddedToken(next_id, "<|begin_of_text|>", special=True),
               AddedToken(next_id + 1, "<mark>", special=False, lstrip=True, rstrip=True)],
        prefix=[next_id],
        ignore_merges=True,
    )  # fmt: skip
    write_hugging_face_tokenizer(tokenizer, tmp_path)
    library = AutoTokenizer.from_pretrained(tmp_path)
    assert_same(tokenizer, library, ["a \n<mark>\t b<mark><|begin_of_text|>", *awkward(300)])
    assert library("the list").input_ids == [*tokenizer.prefix, *tokenizer.encode("the list")]


def logits(folder, **settings):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **settings).eval()
    tokens = torch.arange(3, 3 + 24)[None]
    with torch.no_grad():
        return model(tokens).logits


@pytest.mark.parametrize("kind", ["F16", "F32", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_a_converted_model_is_the_one_that_transformers_reads(kind, write_gguf, tmp_path):
    source = write_gguf(tmp_path / "a.gguf", kind)
    folder = ensure_converted(source, tmp_path / "cache")
    theirs = logits(tmp_path, gguf_file="a.gguf")
    torch.testing.assert_close(logits(folder), theirs, atol=1e-5, rtol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(folder)  # next to a config of model type llama
    assert_same(read_hugging_face_tokenizer(folder), tokenizer, awkward(50))


@pytest.fixture(scope="module")
def smollm2_folder(smollm2, tmp_path_factory):
    folder = ensure_converted(smollm2, tmp_path_factory.mktemp("cache"))
    yield folder
    shutil.rmtree(folder)  # half a gigabyte


@pytest.mark.slow
def test_smollm2_converted_is_the_one_that_transformers_reads(smollm2, smollm2_folder):
    assert torch.equal(logits(smollm2_folder), logits(smollm2.parent, gguf_file=SMOLLM2_GGUF_FILE))
    library = AutoTokenizer.from_pretrained(smollm2_folder)
    assert_same(read_hugging_face_tokenizer(smollm2_folder), library, awkward(1000))
    config = config_from_transformers(read_json(smollm2_folder / "config.json"))
    assert config == dataclasses.replace(SMOLLM2_135M, head_width=64)  # the file states it


@pytest.mark.slow
def test_smollm2_finds_lists_more_likely_with_single_digits(ours, single_digits, smollm2_folder):
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32)
    text = "Some capitals:\n\n1. Paris is in France.\n\n2. Rome is in Italy.\n\n3. Berlin is in"

    def total_loss(tokens):  # in nats
        tokens = torch.tensor([tokens])
        with torch.no_grad():
            return float(model(tokens, labels=tokens).loss) * (tokens.shape[1] - 1)

    assert total_loss(single_digits.encode(text)) < total_loss(ours.encode(text)) - 5
