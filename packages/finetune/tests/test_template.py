from dataclasses import replace

import pytest

from finetune.conversations.formats import ALPACA, CHATML, LLAMA_2
from finetune.conversations.messages import single_turn_conversation, single_turn_prompt
from finetune.conversations.parsing import conversation_text, parse_conversation_text
from finetune.conversations.special_tokens import with_special_tokens
from finetune.conversations.template import find_format, template_format
from gpt.errors import BadInput
from gpt.text.byte_pair_tokenizer import BytePairTokenizer

pytest.importorskip("jinja2", reason="baselines: needs the extra smollm2")

ONE = single_turn_conversation("2+2?", "4").messages
TWO = [
    {"role": "system", "content": "Be brief."},
    *ONE,
    *single_turn_conversation("And 3+3?", "6").messages,
]

LLAMA_2_TEMPLATE = """
{%- if messages[0].role == 'system' -%}
    {%- set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' -%}
    {%- set messages = messages[1:] -%}
{%- endif -%}
{%- for m in messages -%}
    {%- if m.role == 'user' -%}
        {{ bos_token + '[INST] ' + (system if loop.first and system else '') }}
        {{- m.content + ' [/INST]' }}
    {%- else -%}
        {{ ' ' + m.content + ' ' + eos_token }}
    {%- endif -%}
{%- endfor -%}"""


def chat_tokenizer(template=None, delimiters=("<|im_start|>", "<|im_end|>")):
    tokenizer = with_special_tokens(BytePairTokenizer([]), delimiters)
    roles = {"bos_token": delimiters[0], "eos_token": delimiters[1]}
    return replace(tokenizer, roles=roles, chat_template=template or tokenizer.chat_template)


def test_the_format_of_our_own_chat_tokenizer_is_chatml():
    format = template_format(chat_tokenizer())
    assert (format.between, format.stop, format.around) == (CHATML.between, "<|im_end|>", ("", ""))
    assert format.pieces(TWO) == CHATML.pieces(TWO)
    assert format.prompt(TWO[:-1]) == CHATML.prompt(TWO[:-1])


def test_the_format_of_llama_2_is_inferred_from_a_template():
    format = template_format(chat_tokenizer(LLAMA_2_TEMPLATE, ("<s>", "</s>")))
    assert format.between == LLAMA_2.between
    assert (format.stop, format.around) == (LLAMA_2.stop, LLAMA_2.around)
    text = conversation_text(LLAMA_2, TWO)
    assert conversation_text(format, TWO) == text
    assert parse_conversation_text(format, text) == TWO


def test_text_that_a_template_adds_is_markup():
    default = (
        "{% if messages[0].role != 'system' %}<|im_start|>system\nDefault.<|im_end|>\n{% endif %}"
    )
    tokenizer = chat_tokenizer(f"{default}{chat_tokenizer().chat_template}")
    format = template_format(tokenizer)
    assert format.pieces(ONE)[0].text == (
        "<|im_start|>system\nDefault.<|im_end|>\n<|im_start|>user\n"
    )
    assert parse_conversation_text(format, conversation_text(format, ONE)) == ONE
    assert parse_conversation_text(format, conversation_text(format, TWO)) == TWO


TURN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}"
ASK = "{% if add_generation_prompt %}[assistant]{% endif %}"
UNSUITABLE = {
    "another prompt": (
        TURN + "{% if add_generation_prompt %}[bot]{% endif %}",
        "prompts for .*bot.', but",
    ),
    "no prompt": (
        "{% for m in messages %}<{{ loop.index if add_generation_prompt }}{{ m.content }}"
        "<|im_end|>{% endfor %}",
        "model would be trained on other prompts than it gets later",
    ),
    "words of its own": (
        "{% for m in messages %}[{{ m.role }}]{{ 'Well, ' if m.role == 'assistant' }}"
        "{{ m.content }}<|im_end|>{% endfor %}" + ASK,
        "prompts for an answer with '<|im_end|>.assistant.', but writes .*Well, .* before an",
    ),
    "no end": (TURN.replace("<|im_end|>", ";") + ASK, "ends an answer with ';', which is not a sp"),
    "the last message only": (
        "{{ messages[-1].content }}<|im_end|>",
        "does not write 4 messages once",
    ),
    "damaged": ("{% for %}", "does not accept these messages"),
}


@pytest.mark.parametrize(("template", "message"), UNSUITABLE.values(), ids=UNSUITABLE)
def test_a_template_that_training_cannot_reproduce_is_refused(template, message):
    with pytest.raises(BadInput, match=message):
        template_format(chat_tokenizer(template))


def test_a_message_that_the_template_changes_is_refused():
    trimming = TURN.replace("m.content", "m.content | trim") + ASK
    format = template_format(chat_tokenizer(trimming))
    assert conversation_text(format, ONE)
    with pytest.raises(BadInput, match=r"it writes 'a<.im_end.>.* instead of '  a<.im_end.>"):
        format.pieces(single_turn_conversation("  a", "b").messages)
    with pytest.raises(BadInput, match="the chat template changes these messages"):
        format.prompt(single_turn_prompt("  a"))


def test_a_template_that_leaves_out_old_answers_is_refused():
    forgetful = TURN.replace("m.content", "(m.content if loop.last or m.role == 'user' else '-')")
    with pytest.raises(BadInput, match="does not write 4 messages once each"):
        template_format(chat_tokenizer(forgetful + ASK))


def test_a_template_that_refuses_a_system_message_gives_a_format_that_does():
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}"
    format = template_format(chat_tokenizer(refusing + TURN + ASK))
    assert conversation_text(format, ONE) == "[user]2+2?<|im_end|>[assistant]4<|im_end|>"
    with pytest.raises(BadInput, match="no place for a message by the system"):
        format.pieces(TWO)


def test_formats_are_found_by_name():
    assert find_format("alpaca", BytePairTokenizer([])) is ALPACA
    assert find_format("template", chat_tokenizer()).stop == "<|im_end|>"
    with pytest.raises(BadInput, match="no format 'llama'; formats are template, alpaca, chatml"):
        find_format("llama", BytePairTokenizer([]))
    with pytest.raises(BadInput, match="no chat template; formats are alpaca, chatml"):
        find_format("template", BytePairTokenizer([]))
