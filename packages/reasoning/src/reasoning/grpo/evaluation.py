"""Pass rates on held-out puzzles before and after training, and the interval of the gain."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from gpt.evaluation.intervals import paired_difference
from gpt.model.gpt import GPT
from gpt.policy.policy import Policy, share_layers_as
from gpt.policy.rollouts import rollout
from gpt.policy.statistics import count_answer_tokens
from gpt.text.tokenizers import decode
from reasoning.evaluation.pass_rates import pass_at_k
from reasoning.evaluation.sampling import ROWS_AT_ONCE, sample_texts
from reasoning.grpo.rewards import TextReward, checked_scores
from reasoning.tasks.vocabulary import TOKENIZER

EVALUATION_FILE = "evaluation.json"
"""Name of the report in a run folder."""
EVALUATION_SAMPLES = 32
FLAT_GROUP_SIZE = 8
"""Answers per group, for the reported share of flat groups."""


@dataclass(frozen=True)
class TaskRates:
    """Rates of a model on M problems, 32 samples each at temperature 1 and one greedy answer."""

    score: float
    """Mean score of a sample; pass@1 where the scores are 0 and 1."""
    greedy: float
    """Mean score of the greedy answer."""
    pass_at_8: float
    """Chance that at least one of 8 samples scores above 0, as a mean over problems."""
    pass_at_32: float
    """Share of problems with at least one sample that scores above 0."""
    entropy: float
    """Entropy per token, in nats: the mean of -log pi(y_t) over the samples."""
    flat: float
    """Chance that 8 samples of a problem are all right or all wrong, as a mean over problems."""
    length: float
    """Tokens per sample."""


class TaskEvaluation(NamedTuple):
    """Rates of a model, and the mean score of each problem, from which gains are computed."""

    rates: TaskRates
    scores: Float[np.ndarray, " M"]
    greedy: Float[np.ndarray, " M"]


def evaluate(
    model: GPT, prompts: list[str], reward: TextReward, max_new_tokens: int, seed: int = 0
) -> TaskEvaluation:
    """Sample each prompt 32 times, answer it greedily once, and return the rates of both."""
    generator = torch.Generator().manual_seed(seed)
    policy, per_pass = share_layers_as(Policy, model), ROWS_AT_ONCE // EVALUATION_SAMPLES
    scores, nats, n_tokens = [], 0.0, 0
    for begin in range(0, len(prompts), per_pass):
        batch = prompts[begin : begin + per_pass]
        repeated = [TOKENIZER.encode(prompt) for prompt in batch for _ in range(EVALUATION_SAMPLES)]
        answers = rollout(policy, repeated, max_new_tokens, TOKENIZER.end_of_text, generator)
        with torch.no_grad():
            nats -= policy(answers.rows.tokens, answers.rows.mask).sum().item()
        n_tokens += int(count_answer_tokens(answers.rows.mask, at_least=1))
        texts = [decode(TOKENIZER, each).strip() for _, each in answers.prompts_and_answers()]
        for number, prompt in enumerate(batch):
            samples = texts[number * EVALUATION_SAMPLES : (number + 1) * EVALUATION_SAMPLES]
            scores.append(checked_scores(reward, prompt, samples))
    greedy_texts = sample_texts(model, prompts, 1, 0.0, max_new_tokens, generator)
    pairs = zip(prompts, greedy_texts, strict=True)
    greedy = np.array([checked_scores(reward, prompt, texts)[0] for prompt, texts in pairs])
    rates = task_rates(np.array(scores), greedy, nats, n_tokens)
    return TaskEvaluation(rates, np.mean(scores, axis=1), greedy)


def task_rates(
    scores: Float[np.ndarray, "M N"], greedy: Float[np.ndarray, " M"], nats: float, n_tokens: int
) -> TaskRates:
    """Return the rates of M problems with N samples each, and `nats` of -log pi over all tokens."""
    n, right = scores.shape[1], (scores > 0).sum(axis=1).tolist()
    some_right = [pass_at_k(n, each, FLAT_GROUP_SIZE) for each in right]
    all_right = [1 - pass_at_k(n, n - each, FLAT_GROUP_SIZE) for each in right]
    return TaskRates(
        score=float(scores.mean()),
        greedy=float(greedy.mean()),
        pass_at_8=float(np.mean(some_right)),
        pass_at_32=float(np.mean([each > 0 for each in right])),
        entropy=nats / n_tokens,
        flat=float(np.mean(all_right) + 1 - np.mean(some_right)),
        length=n_tokens / scores.size,
    )


def compare_evaluations(before: TaskEvaluation, after: TaskEvaluation) -> dict[str, Any]:
    """Return the rates before and after, and the gains with their 95 % intervals over problems.

    The report includes the score of each problem, so that two runs can be compared problem by
    problem.
    """
    gains = {}
    for name in ("scores", "greedy"):
        pair = getattr(after, name), getattr(before, name)
        gain, low, high = paired_difference(*pair, np.random.default_rng(0))
        gains["score" if name == "scores" else name] = {"gain": gain, "low": low, "high": high}
    report = {"before": asdict(before.rates), "after": asdict(after.rates), "gains": gains}
    problems = {}
    for when, found in (("before", before), ("after", after)):
        problems[when] = {"score": found.scores.tolist(), "greedy": found.greedy.tolist()}
    return report | {"problems": problems}
