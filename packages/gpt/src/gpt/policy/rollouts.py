"""Rollouts: the answers that a policy samples for a batch of prompts, to be trained on.

Sampling is argmax over logits plus Gumbel noise, which draws from the softmax (Gumbel 1954;
Maddison et al. 2014, section 2). All processes of a run draw the noise of all rows and use that of
their own rows, so two processes generate the same answers as one.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gpt.generation.generate import generate_batch
from gpt.model.gpt import GPT
from gpt.policy.rows import Rows, pad_examples, prompt_answer_example
from gpt.runs.processes import gather_rows, local_rows


class Rollout(NamedTuple):
    """Prompts with the answers of a policy."""

    rows: Rows
    """The mask is True on the answer, including its stop token."""
    stopped: Bool[Tensor, " B"]
    """Whether the answer ended with the stop token instead of being cut off."""
    logprobs: Float[Tensor, "B A"]
    """log pi of each token of the answer when it was sampled, from column 0; padding has 0."""

    def prompts_and_answers(self) -> list[tuple[list[int], list[int]]]:
        """Return each prompt with its answer, without padding and stop token."""
        pairs = []
        for tokens, mask, length, stopped in zip(*self.rows, self.stopped, strict=True):
            begin, end = int(mask.int().argmax()), int(length) - int(stopped)
            pairs.append((tokens[:begin].tolist(), tokens[begin:end].tolist()))
        return pairs


class GumbelSampler:
    """Samples one token per row of logits, for this process's rows, and keeps log pi of each.

    With u uniform in (0, 1), -ln(-ln u) is Gumbel noise.
    """

    def __init__(self, n_rows: int, generator: torch.Generator) -> None:
        self.n_rows, self.generator = n_rows, generator
        self.logprobs: list[Float[Tensor, " B"]] = []
        """One column per call."""

    def __call__(self, scores: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
        """Return a token for each row."""
        uniform = torch.rand(self.n_rows, scores.shape[1], generator=self.generator)
        noise = -torch.log(-torch.log(uniform.clamp_min(1e-30)))
        tokens = (scores + local_rows(noise).to(scores)).argmax(dim=-1)
        picked = scores.gather(1, tokens[:, None])[:, 0]
        self.logprobs.append(picked - scores.logsumexp(dim=-1))
        return tokens


def rollout(
    policy: GPT,
    prompts: list[list[int]],
    max_new_tokens: int,
    stop_token: int,
    generator: torch.Generator,
) -> Rollout:
    """Sample an answer to every prompt; several processes share the prompts."""
    device, own = next(policy.parameters()).device, local_rows(prompts)
    sampler = GumbelSampler(len(prompts), generator)
    generated = generate_batch(policy, own, max_new_tokens, sampler, frozenset({stop_token}))
    block = [[*answer, *[stop_token] * (max_new_tokens - len(answer))] for answer in generated]
    answers = gather_rows(torch.tensor(block, device=device), len(prompts)).tolist()
    sampled = torch.stack(sampler.logprobs, dim=1)
    own_logprobs = F.pad(sampled, (0, max_new_tokens - sampled.shape[1]))
    logprobs = gather_rows(own_logprobs, len(prompts))
    lengths = [
        answer.index(stop_token) if stop_token in answer else max_new_tokens for answer in answers
    ]
    examples = [
        prompt_answer_example(prompt, answer[: length + 1])  # with the stop token, if there is one
        for prompt, answer, length in zip(prompts, answers, lengths, strict=True)
    ]
    rows = pad_examples(examples).to(device)
    mask = aligned_answer_mask(rows)
    stopped = torch.tensor([length < max_new_tokens for length in lengths], device=device)
    return Rollout(rows, stopped, logprobs[:, : mask.shape[1]].masked_fill(~mask, 0.0))


def aligned_answer_mask(rows: Rows) -> Bool[Tensor, "B A"]:
    """Return the mask of answers that begin in column 0; A is the length of the longest."""
    lengths = rows.mask[:, 1:].sum(dim=1)
    return torch.arange(int(lengths.max()), device=lengths.device) < lengths[:, None]


def align_answers(x: Float[Tensor, "B U"], rows: Rows, width: int) -> Float[Tensor, "B A"]:
    """Move the numbers of each row's answer to column 0; padding gets 0.

    `x[:, t]` belongs to token t + 1 of the row, so U = T - 1. `width` is A, at least the length of
    the longest answer.
    """
    mask = rows.mask[:, 1:]
    order = mask.int().argsort(dim=1, descending=True, stable=True)
    return x.masked_fill(~mask, 0.0).gather(1, order)[:, :width]
