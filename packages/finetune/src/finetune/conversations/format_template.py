"""A format as a chat template, so that other programs prompt a model in the way it was trained.

An exported folder contains a Jinja program that writes conversations. After training in another
format the base model's program would be wrong, so `finetune export` writes this one.
`template.template_format` is the inverse.
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

    Its text is that of `conversation_example` and of `prompt_tokens`, token for token.
    """
    before, after = format.around
    prefix = ""
    if isinstance(tokenizer, PretrainedTokenizer):
        prefix = decode(tokenizer, tokenizer.prefix)
    if format.between["begin", "user"].startswith(prefix):
        prefix = ""  # the format begins with these special tokens itself
    stop = decode(tokenizer, [stop_token(format, tokenizer)])
    values = {
        "between": {" ".join(pair): text for pair, text in format.between.items()},
        "prefix": prefix,
        "before": before,
        "after": after + stop,
        "empty_line": EMPTY_LINE,
        "gap": format.first_gap,
    }
    # Jinja reads the escapes of JSON, but no surrogate pairs, so only ASCII is escaped.
    literals = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    return CHAT_TEMPLATE.format(**literals)
