"""Rollouts: the policy answers prompts, and what it wrote is what it learns from.

Noise decides every answer: the token with the largest sum of score and Gumbel noise is a draw from
the softmax (Gumbel 1954; Maddison et al. 2014, section 2). All processes of a run make the noise of
all rows and each uses that of its own, so two processes write what one would have written.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from finetune.conversations.rows import Rows, pad_examples, prompt_answer_example
from gpt.generation.generate import generate_batch
from gpt.model.gpt import GPT
from gpt.runs.processes import gather_rows, local_rows


class Rollout(NamedTuple):
    """Prompts with the answers that a policy gave."""

    rows: Rows
    """The mask is True on the answer, its stop token included."""
    stopped: Bool[Tensor, " B"]
    """Whether the answer ended by itself, not for want of room."""

    def texts(self) -> list[tuple[list[int], list[int]]]:
        """Each prompt, and its answer without the stop token."""
        pairs = []
        for tokens, mask, length, stopped in zip(*self.rows, self.stopped, strict=True):
            begin, end = int(mask.int().argmax()), int(length) - int(stopped)
            pairs.append((tokens[:begin].tolist(), tokens[begin:end].tolist()))
        return pairs

    def to(self, device: torch.device) -> "Rollout":
        """The same on a device."""
        return Rollout(self.rows.to(device), self.stopped.to(device))


def gumbel_choice(
    n_rows: int, generator: torch.Generator
) -> Callable[[Float[Tensor, "B V"]], Int[Tensor, " B"]]:
    """A choice for `n_rows` rows, of which this process sees its own: argmax of scores + noise.

    With u uniform in (0, 1), -ln(-ln u) is Gumbel noise.
    """

    def choice(scores: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
        uniform = torch.rand(n_rows, scores.shape[1], generator=generator).clamp_min(1e-30)
        noise = -torch.log(-torch.log(uniform))
        return (scores + local_rows(noise).to(scores)).argmax(dim=-1)

    return choice


def rollout(
    policy: GPT, prompts: list[list[int]], room: int, stop: int, generator: torch.Generator
) -> Rollout:
    """An answer of up to `room` tokens to every prompt; the processes share the writing."""
    device, mine = next(policy.parameters()).device, local_rows(prompts)
    written = generate_batch(
        policy, mine, room, gumbel_choice(len(prompts), generator), frozenset({stop})
    )
    block = [[*answer, *[stop] * (room - len(answer))] for answer in written]
    answers = gather_rows(torch.tensor(block, device=device), len(prompts)).tolist()
    lengths = [answer.index(stop) if stop in answer else room for answer in answers]
    examples = [
        prompt_answer_example(prompt, answer[: length + 1])  # with the stop token, if there is one
        for prompt, answer, length in zip(prompts, answers, lengths, strict=True)
    ]
    stopped = torch.tensor([length < room for length in lengths])
    return Rollout(pad_examples(examples), stopped).to(device)
