"""Our environment for chat templates compared with that of transformers."""

import enum
import itertools

import pytest

pytest.importorskip("transformers", reason="baselines: needs the extra baselines")

from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import _compile_jinja_template

from gpt.baselines import Tokenizer, models
from gpt.errors import BadInput
from gpt.pretrained.chat import render_chat
from gpt.pretrained.template_environment import template_environment

pytestmark = pytest.mark.baselines

ROLES = {"bos_token": "<s>", "eos_token": "</s>"}
LIBRARY = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **ROLES)
OURS, THEIRS = template_environment(), _compile_jinja_template("").environment


def public_values(environment):
    """All settings of an environment, except those that are compared by name."""
    named = ("filters", "globals", "tests", "extensions", "cache", "activate_tracker")
    return {name: value for name, value in vars(environment).items() if name not in named}


@pytest.mark.parametrize("table", ["filters", "globals", "tests"])
def test_templates_find_the_same_names(table):
    """Jinja's own names are identical objects; the others are compared by their results."""
    ours, theirs = getattr(OURS, table), getattr(THEIRS, table)
    assert ours.keys() == theirs.keys()
    other = {name for name in ours if ours[name] is not theirs[name]}
    own = {"filters": {"tojson"}, "tests": set()}
    own["globals"] = {"dict", "namespace", "raise_exception", "strftime_now"}
    assert other == own[table]


def test_templates_find_the_same_blocks_and_settings():
    assert type(OURS) is type(THEIRS)
    assert public_values(OURS) == public_values(THEIRS)
    tags = [
        sorted(tag for extension in environment.iter_extensions() for tag in extension.tags)
        for environment in (OURS, THEIRS)
    ]
    assert tags[0] == tags[1] == ["break", "continue", "generation"]


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Wetter für <Ort> & 'Zeit'",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"place": "Zürich"}}}


class Tone(str, enum.Enum):  # noqa: UP042  a subclass of str, as callers may pass
    SOFT = "soft"


CHATS = [
    [{"role": "user", "content": "Hi <b>&</b> 'you' 日本 \n"}],
    [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "1 + 1?"}],
    [
        {"role": "user", "content": "Is it warm?", "name": None},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning": "I must ask."},
        {"role": "tool", "content": '{"celsius": 7}', "tool_call_id": "a1"},
        {"role": "assistant", "content": "No.", "thinking": "7 is cold", "score": (1, 2.5)},
    ],
    [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image", "image": {1}}]}],
    [{"role": "user", "content": Tone.SOFT, "turn": True, "weight": 0.1, "at": object}],
]
VARIABLES = [
    {},
    {"tools": [WEATHER], "enable_thinking": False},
    {"documents": [{"title": "t", "text": "x"}], "enable_thinking": True, "eos_token": "<end>"},
]
JSON_ARGUMENTS = [
    *("", "indent=4", "4", "true", "ensure_ascii=true", "sort_keys=True", "indent='\\t'"),
    *("separators=(',', ':')", "false, 2, (', ', ' = '), true", "ensure_ascii=False, indent=none"),
]
TEMPLATES = {
    **{f"tojson({each})": f"{{{{ messages | tojson({each}) }}}}" for each in JSON_ARGUMENTS},
    "ChatML with a default system text": """
{%- if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nHelp.<|im_end|>\\n' }}{% endif %}
{%- for m in messages %}
    {{- '<|im_start|>' ~ m.role ~ '\\n' ~ (m.content or '') ~ '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "tools and reasoning, as in Qwen 3": """
{%- set ns = namespace(last=-1, multi=true) %}
{%- for m in messages[::-1] %}{% set i = messages|length - 1 - loop.index0 %}
    {%- if ns.multi and m.role == 'user' %}{% set ns.multi = false %}
        {%- set ns.last = i %}{% endif %}
{%- endfor %}
{%- if tools %}# Tools{% for tool in tools %}{{ '\\n' + tool | tojson }}{% endfor %}{% endif %}
{%- for m in messages %}
    {%- if m.content is string %}{% set content = m.content %}{% else %}
        {%- set content = '' %}{% endif %}
    {%- if m.reasoning_content is defined %}
        {{- '<think>' ~ m.reasoning_content.strip('\\n') ~ '|' ~ m.thinking ~ '</think>' }}
    {%- endif %}
    {{- m.role ~ ':' ~ content.lstrip() ~ ('*' if loop.index0 > ns.last else '') }}
    {%- for call in m.tool_calls or [] %}{% set f = call.function %}
        {{- '<tool_call>{"name": "' ~ f.name ~ '", "arguments": ' ~ f.arguments | tojson ~ '}' }}
    {%- endfor %}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}""",
    "alternating roles, as in Llama 2 and Mistral": """{{ bos_token }}
{%- if messages[0].role == 'system' %}{% set start = 1 %}{% else %}{% set start = 0 %}{% endif %}
{%- for m in messages[start:] %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate, got ' ~ m.role) }}
    {%- endif %}
    {{- '[INST] ' ~ m.content | trim ~ ' [/INST]' if m.role == 'user' else m.content ~ eos_token }}
{%- endfor %}""",
    "macros, filters and tests": """
{%- macro line(key, value='none') %}{{ key | upper }}={{ value }};{% endmacro %}
{%- for key, value in messages[-1] | dictsort %}{{ line(key, value) }}{% endfor %}
{{- messages | map(attribute='role') | join(',') }}
{{- messages | selectattr('content') | list | length }}
{{- messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | unique | list }}
{{- dict(a=1, **{'b': 2}).items() | list }}{{ dict.fromkeys([1, 2]) }}
{{- messages[0] is mapping }}
{{- messages[0].nothing | default('?') }} {{ messages[0].get('role') }}
{{- '%05.1f' | format(2.25) }}""",
    "a loop that is left": """
{%- for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m }}
    {%- break %}{% endfor %}""",
    "generation keeps its variables": """
{%- set said = 'before' %}{% for m in messages %}
  {%+ generation %} {% set said = 'inside' %}{{ said }}{{ loop.index }}
  {%- endgeneration +%} {{ said }}
{% endfor %}{% raw %}{% generation %}{% endraw %}{# {% endgeneration %} #}
{{ '{% generation %}' }}""",
    "what is given": "{{ tools }} {{ documents }} {{ bos_token }} {{ eos_token }} {{ pad_token }}|"
    "{{ add_generation_prompt }} {{ enable_thinking }} {{ messages }}",
    "white space": "  {% if true %}\n    a\n  {% endif %}\n\n {%- if true -%} \n b {% endif +%}\n",
    "a year": "{{ strftime_now('%Y') }}{{ strftime_now(format='%m') }}",
    "namespace": "{% set n = namespace({'a': 1}, self=2) %}{% set n.b = 3 %}{{ [n.a, n.self] }}",
    **{
        f"refused: {each}": each
        for each in (
            "{{ ().__class__.__bases__ }}", "{{ messages.append(1) }}",
            "{% set n = namespace(_a=1) %}", "{% set n = namespace() %}{% set n._b = 1 %}",
            "{{ dict.__class__.mro() }}", "{{ 1 / 0 }}", "{{ raise_exception('no') }}",
            "{% generation %}", "{{ messages[9].role }}",
            "{% for %}",
            "{{ range(100000000) }}", "{{ messages | tojson(wrong=1) }}", "{{ {1: 2}.update({}) }}",
        )
    },
}  # fmt: skip


def by_transformers(template, chat, ask, variables):
    """The text, or None if the template refuses the messages."""
    options = {"chat_template": template, "tokenize": False, "add_generation_prompt": ask}
    try:
        return LIBRARY.apply_chat_template(chat, **options, **variables)
    except Exception:
        return None


def by_us(template, chat, ask, variables):
    try:
        return render_chat(template, chat, ROLES, ask, **variables)
    except BadInput:
        return None


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_gives_the_text_of_transformers(name):
    texts = []
    for case in itertools.product(CHATS, [True, False], VARIABLES):
        texts.append(by_us(TEMPLATES[name], *case))
        assert texts[-1] == by_transformers(TEMPLATES[name], *case)
    assert all(text is None for text in texts) == name.startswith("refused")


def test_a_conversation_without_messages_is_refused_as_in_transformers():
    with pytest.raises(ValueError, match="empty conversation"):
        LIBRARY.apply_chat_template([], chat_template="x", tokenize=False)
    with pytest.raises(BadInput, match="at least one message"):
        render_chat("x", [], ROLES)
