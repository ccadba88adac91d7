"""Add tokens to a trained model, such as the special tokens of a conversation format.

A new row initialised like an untrained weight would be much shorter or longer than the trained
rows, and the new token would be likely or unlikely at random. The mean of the existing rows (Hewitt
2021) makes a new token about as likely as an average one; a little noise makes new tokens differ.
"""

import dataclasses

import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT


def extend_vocabulary(model: GPT, vocab_size: int, generator: torch.Generator | None = None) -> GPT:
    """Add rows up to `vocab_size` tokens; logits of the old tokens do not change.

    Raises:
        BadInput: the model has more tokens than that.
    """
    own = model.config.vocab_size
    if vocab_size < own:
        raise BadInput(f"the model has {own} tokens; its vocabulary cannot shrink to {vocab_size}")
    wider = GPT(dataclasses.replace(model.config, vocab_size=vocab_size)).to(model.embedding.weight)
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
