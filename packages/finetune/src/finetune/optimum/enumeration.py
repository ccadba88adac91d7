"""Every answer that a policy can give to a question, with its exact probability.

An answer ends with the stop token or after `room` tokens. With a vocabulary of V there are
(V - 1)^0 + ... + (V - 1)^(room - 2) answers that stop early and (V - 1)^(room - 1) V that use all
the room: 1,885 for sums. So expectations are sums, and the KL between two policies is a number and
not an estimate.
"""

from itertools import product
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.model.gpt import GPT


class EnumeratedAnswer(NamedTuple):
    """A leaf of the tree of answers."""

    tokens: tuple[int, ...]
    """Without the stop token."""
    stopped: bool


def enumerate_answers(vocab_size: int, room: int, stop: int) -> list[EnumeratedAnswer]:
    """The leaves: those of one token first, those that use all the room last."""
    others = [token for token in range(vocab_size) if token != stop]
    early = [
        EnumeratedAnswer(tokens, True)
        for n in range(room - 1)
        for tokens in product(others, repeat=n)
    ]
    last = product(product(others, repeat=room - 1), [*others, stop])
    return early + [
        EnumeratedAnswer(tokens if token == stop else (*tokens, token), token == stop)
        for tokens, token in last
    ]


@torch.no_grad()
def answer_logprobs(
    model: GPT, prompts: list[list[int]], room: int, stop: int
) -> Float[Tensor, "N A"]:
    """Log pi(answer | prompt) of all prompts and answers, in the order of `enumerate_answers`.

    One pass a prompt: a row for every way to fill all places but the last.
    """
    return torch.stack([answer_tree_logprobs(model, prompt, room, stop) for prompt in prompts])


def answer_tree_logprobs(
    model: GPT, prompt: list[int], room: int, stop: int
) -> Float[Tensor, " A"]:
    """The logarithms of the probabilities of all answers to one prompt."""
    vocab_size = model.config.vocab_size
    others = [token for token in range(vocab_size) if token != stop]
    paths = torch.tensor([*product(others, repeat=room - 1)], dtype=torch.long)
    tokens = torch.cat([torch.tensor(prompt).expand(len(paths), -1), paths], dim=1)
    tokens = tokens.to(model.embedding.weight.device)
    hidden = model.hidden(tokens)[:, len(prompt) - 1 :]
    steps = model.logits(hidden).double().log_softmax(-1)  # row, place in the answer, token
    reached, leaves = steps.new_zeros(len(paths)), []
    for place in range(room - 1):
        first_of_each = slice(None, None, len(others) ** (room - 1 - place))
        leaves.append((reached + steps[:, place, stop])[first_of_each])
        reached = reached + steps[:, place].gather(1, tokens[:, len(prompt) + place, None])[:, 0]
    last = torch.cat([steps[:, -1, others], steps[:, -1, [stop]]], dim=1)
    return torch.cat([*leaves, (reached[:, None] + last).flatten()])
