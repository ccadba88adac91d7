"""New tokens for a trained model: the marks of a conversation need rows of their own.

A new row drawn like a first weight would be far shorter or longer than the trained ones, and a
token that nobody has seen would be likely or unlikely at random. The mean of the rows that are
there (Hewitt 2021) makes a new token about as likely as an average one; a little noise keeps two
new tokens apart.
"""

import dataclasses

import torch

from gpt.errors import BadInput
from gpt.model.gpt import GPT


def extend_vocabulary(model: GPT, vocab_size: int, generator: torch.Generator | None = None) -> GPT:
    """The model with rows for `vocab_size` tokens; what it knew it computes as before.

    Raises:
        BadInput: it has more tokens than that.
    """
    own = model.config.vocab_size
    if vocab_size < own:
        raise BadInput(f"the model has {own} tokens; it cannot be cut to {vocab_size}")
    wider = GPT(dataclasses.replace(model.config, vocab_size=vocab_size)).to(model.embedding.weight)
    weights = model.state_dict()
    for name, table in wider.state_dict().items():
        if table.shape != weights[name].shape:  # the embedding, and the head with its bias
            mean, spread = weights[name].mean(dim=0), weights[name].std(dim=0)
            noise = torch.randn(
                (vocab_size - own, *table.shape[1:]), generator=generator, device="cpu"
            )
            new = mean + 0.1 * spread * noise.to(table)
            weights[name] = torch.cat([weights[name], new])
    wider.load_state_dict(weights)
    return wider.train(model.training)
