"""Special tokens for the delimiters of a format. No text of a message is encoded as one.

A tokenizer without them gets two new tokens, and the model a row for each.
"""

from dataclasses import replace

import torch

from finetune.conversations.formats import Format
from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.text.byte_pair_tokenizer import BytePairTokenizer
from gpt.text.pretrained_tokenizer import AddedToken, PretrainedTokenizer
from gpt.text.tokenizer_export import to_pretrained_tokenizer
from gpt.text.tokenizers import Tokenizer, end_tokens

CHAT_SPECIAL_TOKENS = ("<|im_start|>", "<|im_end|>")


def special_tokens(tokenizer: Tokenizer) -> dict[str, int]:
    """Return the id of every special token by its text.

    Empty for the tokenizers that `gpt` trains: their END_OF_TEXT is an id without a text form.
    """
    if not isinstance(tokenizer, PretrainedTokenizer):
        return {}
    return {each.content: each.token for each in tokenizer.added if each.special}


def stop_token(format: Format, tokenizer: Tokenizer) -> int:
    """Return the token that ends an answer: the format's own, or END_OF_TEXT if it has none."""
    return special_tokens(tokenizer).get(format.stop, tokenizer.end_of_text)


def stop_tokens(format: Format, tokenizer: Tokenizer) -> frozenset[int]:
    """Return the tokens that end generation: the end of an answer and every end of a text."""
    return end_tokens(tokenizer) | {stop_token(format, tokenizer)}


def with_special_tokens(
    tokenizer: BytePairTokenizer, delimiters: tuple[str, str] = CHAT_SPECIAL_TOKENS
) -> PretrainedTokenizer:
    """Return the tokenizer with two more tokens, which begin and end a message as in ChatML.

    The ids of ordinary text do not change. The model needs two new rows: `extend_vocabulary`.
    """
    begin, end = delimiters
    template = (
        f"{{% for message in messages %}}{begin}{{{{ message.role }}}}\n"
        f"{{{{ message.content }}}}{end}\n{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{begin}assistant\n{{% endif %}}"
    )
    own = to_pretrained_tokenizer(tokenizer)
    added = [AddedToken(tokenizer.vocab_size + n, text, True) for n, text in enumerate(delimiters)]
    return replace(
        own, added=own.added + added, roles=own.roles | {"eos_token": end}, chat_template=template
    )


def extend_vocabulary(model: GPT, vocab_size: int, generator: torch.Generator | None = None) -> GPT:
    """Add rows up to `vocab_size` tokens; logits of the old tokens do not change.

    A new row initialised like an untrained weight would be much shorter or longer than the trained
    rows, and the new token would be likely or unlikely at random. The mean of the existing rows
    (Hewitt 2021) makes a new token about as likely as an average one; a little noise makes new
    tokens differ.

    Raises:
        BadInput: the model has more tokens than that.
    """
    own = model.config.vocab_size
    if vocab_size < own:
        raise BadInput(f"the model has {own} tokens; its vocabulary cannot shrink to {vocab_size}")
    wider = GPT(replace(model.config, vocab_size=vocab_size)).to(model.embedding.weight)
    weights = model.state_dict()
    for name, table in wider.state_dict().items():
        if table.shape != weights[name].shape:  # the embedding, and the head with its bias
            mean, spread = weights[name].mean(dim=0), weights[name].std(dim=0)
            shape = (vocab_size - own, *table.shape[1:])
            noise = torch.randn(shape, generator=generator, device="cpu")
            new = mean + 0.1 * spread * noise.to(table)
            weights[name] = torch.cat([weights[name], new])
    wider.load_state_dict(weights)
    return wider.train(model.training)
