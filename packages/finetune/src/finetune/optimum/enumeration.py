"""Enumerate every answer that a policy can give to a question, with its exact probability.

An answer ends with the stop token or after n = `max_new_tokens` tokens. With a vocabulary of V
there are (V - 1)^0 + ... + (V - 1)^(n - 2) shorter answers and (V - 1)^(n - 1) V of full length:
1,885 for sums. So expectations are finite sums, and the KL between two policies is exact.
"""

from itertools import product
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from gpt.model.gpt import GPT


class EnumeratedAnswer(NamedTuple):
    """A possible answer: a leaf of the tree of tokens."""

    tokens: tuple[int, ...]
    """Tokens without the stop token."""
    stopped: bool


def enumerate_answers(vocab_size: int, max_new_tokens: int, stop: int) -> list[EnumeratedAnswer]:
    """List all answers, the shortest first."""
    others = [token for token in range(vocab_size) if token != stop]
    early = [
        EnumeratedAnswer(tokens, True)
        for n in range(max_new_tokens - 1)
        for tokens in product(others, repeat=n)
    ]
    last = product(product(others, repeat=max_new_tokens - 1), [*others, stop])
    return early + [
        EnumeratedAnswer(tokens if token == stop else (*tokens, token), token == stop)
        for tokens, token in last
    ]


@torch.no_grad()
def answer_logprobs(
    model: GPT, prompts: list[list[int]], max_new_tokens: int, stop: int
) -> Float[Tensor, "N A"]:
    """Compute log pi(answer | prompt) for all answers, in the order of `enumerate_answers`.

    One forward pass per prompt, with a row for every choice of all tokens but the last.
    """
    return torch.stack(
        [answer_tree_logprobs(model, prompt, max_new_tokens, stop) for prompt in prompts]
    )


def answer_tree_logprobs(
    model: GPT, prompt: list[int], max_new_tokens: int, stop: int
) -> Float[Tensor, " A"]:
    """Compute the log-probabilities of all answers to one prompt."""
    vocab_size = model.config.vocab_size
    others = [token for token in range(vocab_size) if token != stop]
    paths = torch.tensor([*product(others, repeat=max_new_tokens - 1)], dtype=torch.long)
    tokens = torch.cat([torch.tensor(prompt).expand(len(paths), -1), paths], dim=1)
    tokens = tokens.to(model.embedding.weight.device)
    hidden = model.hidden(tokens)[:, len(prompt) - 1 :]
    steps = model.logits(hidden).double().log_softmax(-1)  # row, position in the answer, token
    reached, leaves = steps.new_zeros(len(paths)), []
    for position in range(max_new_tokens - 1):
        first_of_each = slice(None, None, len(others) ** (max_new_tokens - 1 - position))
        leaves.append((reached + steps[:, position, stop])[first_of_each])
        drawn = tokens[:, len(prompt) + position, None]
        reached = reached + steps[:, position].gather(1, drawn)[:, 0]
    last = torch.cat([steps[:, -1, others], steps[:, -1, [stop]]], dim=1)
    return torch.cat([*leaves, (reached[:, None] + last).flatten()])
