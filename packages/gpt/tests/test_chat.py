import pytest

from gpt.errors import BadInput
from gpt.pretrained.chat import render_chat

pytest.importorskip("jinja2", reason="baselines: needs the extra smollm2")

CHATML = """{% for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + eos_token + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""
HELLO = [{"role": "user", "content": "Hello"}]
ROLES = {"eos_token": "<|im_end|>"}


def test_a_conversation_written_out():
    turns = [*HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Bye"}]
    assert render_chat(CHATML, turns, ROLES) == (
        "<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n"
        "<|im_start|>user\nBye<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    closed = render_chat(CHATML, turns, ROLES, add_generation_prompt=False)
    assert closed.endswith("Bye<|im_end|>\n")


def test_lines_with_only_a_block_are_removed():
    template = "{% for m in messages %}\n  {% if m %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}"
    assert render_chat(template, HELLO, {}) == "Hello\n"


def test_text_marked_for_training_is_written_like_other_text():
    template = (
        "{% for m in messages %}{% generation %}{{ m.content }}{%- endgeneration -%} .{% endfor %}"
    )
    assert render_chat(template, HELLO, {}) == "Hello."


def test_the_functions_that_templates_rely_on():
    assert render_chat("{{ {'a': '<é>'} | tojson }}", HELLO, {}) == '{"a": "<é>"}'
    assert render_chat("{{ strftime_now('%Y') | length }}", HELLO, {}) == "4"
    assert render_chat("{% for m in [1, 2] %}{{ m }}{% break %}{% endfor %}", HELLO, {}) == "1"


BROKEN = {
    "its own refusal": ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
    "damaged": ("{% for %}", "the chat template does not accept these messages: "),
    "no content": ("{{ messages[0]['text'] + 'a' }}", "has no attribute 'text'"),
    "no messages": ("{{ messages[7]['role'] }}", "has no element 7"),
    "a type": ("{{ messages[0]['content'] + 1 }}", "can only concatenate str"),
    "escape": ("{{ ().__class__.__bases__[0].__subclasses__() }}", "__class__.* is unsafe"),
    "change": ("{{ messages.append(1) }}", "'append' of 'list' object is unsafe"),
    "division": ("{{ 1 / 0 }}", "division by zero"),
}


@pytest.mark.parametrize(("template", "message"), BROKEN.values(), ids=BROKEN)
def test_a_template_that_fails_is_bad_input(template, message):
    with pytest.raises(BadInput, match=message):
        render_chat(template, HELLO, {})
