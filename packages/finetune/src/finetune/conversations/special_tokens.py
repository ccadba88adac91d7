"""Tokens that stand for a format's marks, and that no text can spell."""

from dataclasses import replace

from finetune.conversations.formats import Format
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import AddedToken, PretrainedTokenizer
from gpt.text.tokenizer_export import to_pretrained_tokenizer
from gpt.text.tokenizers import Tokenizer, end_tokens

CHAT_SPECIAL_TOKENS = ("<|im_start|>", "<|im_end|>")


def special_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """The tokens that text is not to spell; our own tokenizers add END_OF_TEXT by id alone."""
    if not isinstance(tokenizer, PretrainedTokenizer):
        return {}
    return {each.content: each.token for each in tokenizer.added if each.special}


def stop_token(format: Format, tokenizer: Tokenizer) -> int:
    """The token that ends an answer."""
    return special_tokens(tokenizer).get(format.stop, tokenizer.end_of_text)


def stop_tokens(format: Format, tokenizer: Tokenizer) -> frozenset[int]:
    """The tokens at which generation ends: the answer's end, and all that end a text."""
    return end_tokens(tokenizer) | {stop_token(format, tokenizer)}


def with_special_tokens(
    tokenizer: BytePairTokenizer, marks: tuple[str, str] = CHAT_SPECIAL_TOKENS
) -> PretrainedTokenizer:
    """The tokenizer and two tokens more, which begin and end a message as in ChatML.

    The ids of text stay; the model needs as many new rows in its embedding.
    """
    begin, end = marks
    template = (
        f"{{% for message in messages %}}{begin}{{{{ message.role }}}}\n"
        f"{{{{ message.content }}}}{end}\n{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{begin}assistant\n{{% endif %}}"
    )
    own = to_pretrained_tokenizer(tokenizer)
    added = [AddedToken(tokenizer.vocab_size + n, mark, True) for n, mark in enumerate(marks)]
    return replace(
        own, added=own.added + added, roles=own.roles | {"eos_token": end}, chat_template=template
    )
