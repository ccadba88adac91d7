"""A format as a chat template, so that other programs prompt a model as it was trained.

A folder of transformers keeps the way to write conversations as a program in Jinja. That of the
base model would be wrong after training in another format, so `finetune export` writes this one.
`template.template_format` goes the other way.
"""

import json

from finetune.conversations.formats import EMPTY_LINE, Format
from finetune.conversations.special_tokens import stop_token
from gpt.text.pretrained_tokenizer import PretrainedTokenizer
from gpt.text.tokenizers import Tokenizer, decode

CHAT_TEMPLATE = """\
{{%- set between = {between} -%}}
{{%- set past = namespace(role='begin') -%}}
{{{{- {prefix} -}}}}
{{%- for message in messages -%}}
{{%- set key = past.role ~ ' ' ~ message.role -%}}
{{%- if key not in between -%}}
{{{{- raise_exception('no place for a message by the ' ~ message.role) -}}}}
{{%- endif -%}}
{{{{- between[key] -}}}}
{{%- if message.role == 'assistant' -%}}
{{{{- {before} ~ message.content ~ {after} -}}}}
{{%- elif message.role == 'user' -%}}
{{{{- message.content.replace({empty_line}, {gap}, 1) -}}}}
{{%- else -%}}
{{{{- message.content -}}}}
{{%- endif -%}}
{{%- set past.role = message.role -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}
{{{{- between['user assistant'] -}}}}
{{%- elif past.role == 'assistant' -%}}
{{{{- between['assistant end'] -}}}}
{{%- endif -%}}
"""


def build_chat_template(format: Format, tokenizer: Tokenizer) -> str:
    """Return the chat template that writes conversations in this format.

    What it writes is the text of `example` and of `prompt_tokens`, token by token.
    """
    before, after = format.around
    between = {" ".join(pair): text for pair, text in format.between.items()}
    stop = decode(tokenizer, [stop_token(format, tokenizer)])
    return CHAT_TEMPLATE.format(
        between=jinja_literal(between),
        prefix=jinja_literal(prefix_text(format, tokenizer)),
        before=jinja_literal(before),
        after=jinja_literal(after + stop),
        empty_line=jinja_literal(EMPTY_LINE),
        gap=jinja_literal(format.first_gap),
    )


def prefix_text(format: Format, tokenizer: Tokenizer) -> str:
    """The special tokens before a text, where the format does not begin with them itself."""
    if not isinstance(tokenizer, PretrainedTokenizer):
        return ""
    text = decode(tokenizer, tokenizer.prefix)
    return "" if format.between["begin", "user"].startswith(text) else text


def jinja_literal(value: object) -> str:
    """A constant as Jinja reads it; it knows the escapes of JSON, but no surrogate pairs."""
    return json.dumps(value, ensure_ascii=False)
