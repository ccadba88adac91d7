"""Evaluate a policy against its reference: true reward of its answers, and KL divergence.

Answers are sampled, because reward and KL are means over the policy's own distribution,

KL(pi || pi_ref) = E over answers y of pi of sum over t of KL(pi(. | y_<t) || pi_ref(. | y_<t))

by the chain rule. Answers are sampled and the inner KL is computed exactly, which has a lower
variance than the log-ratio of the sampled tokens (`k1`) and the same mean; both are reported.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from finetune.assistant.answering import MAX_NEW_TOKENS
from finetune.assistant.assistant import Assistant
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import single_turn_prompt
from finetune.datasets.questions import Question
from finetune.datasets.rule import rule_score
from gpt.evaluation.intervals import Interval, bootstrap_mean
from gpt.model.gpt import GPT
from gpt.policy.kl import exact_kl, k1
from gpt.policy.rollouts import rollout
from gpt.policy.rows import Rows
from gpt.text.tokenizers import decode

KL_BATCH_SIZE = 20
"""Rows whose logits over the vocabulary are in memory at the same time."""


class ReferenceEvaluation(NamedTuple):
    """Means over sampled answers, with 95 % intervals over the questions."""

    reward: Interval
    """Score by the rule."""
    stopped: Interval
    """Share of answers that end by themselves."""
    kl: Interval
    """KL from the reference in nats per answer, computed exactly at every token."""
    kl_drawn: Interval
    """KL estimated from the sampled tokens only."""


def evaluate_against_reference(
    policy: Assistant, reference: Assistant, questions: Sequence[Question], seed: int = 0
) -> ReferenceEvaluation:
    """Sample one answer to each question and measure it; both models must share a tokenizer."""
    prompts = [
        prompt_tokens(policy.format, policy.tokenizer, single_turn_prompt(each.question))
        for each in questions
    ]
    generator = torch.Generator().manual_seed(seed)
    sampled = rollout(policy.model, prompts, MAX_NEW_TOKENS, policy.stop, generator)
    stopped = sampled.stopped.tolist()
    texts = [decode(policy.tokenizer, answer) for _, answer in sampled.prompts_and_answers()]
    rewards = [float(rule_score(*each)) for each in zip(questions, texts, stopped, strict=True)]
    kl, kl_drawn = answer_kl(policy.model, reference.model, sampled.rows)
    return ReferenceEvaluation(
        *(
            bootstrap_mean(np.array(values, dtype=float), np.random.default_rng(0))
            for values in (rewards, stopped, kl.tolist(), kl_drawn.tolist())
        )
    )


@torch.no_grad()
def answer_kl(
    policy: GPT, reference: GPT, rows: Rows
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Return the KL of each answer in nats: computed exactly, and estimated by k1."""
    batches: list[tuple[Tensor, Tensor]] = []
    for begin in range(0, len(rows.tokens), KL_BATCH_SIZE):
        tokens, mask, _ = (each[begin : begin + KL_BATCH_SIZE] for each in rows)
        counted, drawn = mask[:, 1:], tokens[:, 1:, None]
        ours, theirs = (model(tokens[:, :-1]) for model in (policy, reference))
        log_p, log_q = (each.log_softmax(-1).gather(-1, drawn)[..., 0] for each in (ours, theirs))
        computed = exact_kl(ours, theirs, counted)
        batches.append((computed.sum(1), k1(log_p, log_q, counted).sum(1)))
    return torch.cat([a for a, _ in batches]), torch.cat([b for _, b in batches])
