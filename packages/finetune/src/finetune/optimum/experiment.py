"""DPO and PPO on sums at several KL coefficients, compared with the best possible policies.

The imitator learns from demonstrations and is the reference of both. DPO learns from pairs of its
answers, one right and one wrong; PPO samples answers and gets their rewards. KL and reward of every
policy are then computed exactly, by enumerating its answers.

At the same beta both have the same optimum, provided that the pairs are what DPO's derivation
assumes: choices of readers with the error rate of the Bradley-Terry model. `noisy_preference_loss`
is the expected loss over such readers, without the noise of single votes. For pairs that are always
right the loss has no optimum.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.dpo.losses import conservative_dpo_loss
from finetune.dpo.pairs import TokenPair, pair_batches
from finetune.dpo.training import MarginLoss, train_dpo
from finetune.optimum import sums
from finetune.optimum.enumeration import answer_logprobs, enumerate_answers
from finetune.optimum.frontier import FrontierPoint, exact_point
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.ppo import ppo
from finetune.reward.scorer import as_scorer
from gpt.model.config import GPTConfig
from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy
from gpt.policy.rollouts import Rollout, rollout
from gpt.policy.rows import EpochSampler, pad_examples, step_batches
from gpt.text.tokenizers import decode
from gpt.training.loop import LoopConfig, train

MODEL_SHAPE = GPTConfig(
    vocab_size=sums.TOKENIZER.vocab_size,
    context=16,
    n_layers=1,
    n_heads=4,
    d_model=64,
    d_ff=256,
    norm_kind="rms",
)
IMITATION_LOOP = LoopConfig(
    steps=300,
    optimizer="muon",
    muon_learning_rate=0.02,
    learning_rate=5e-3,
    weight_decay=0.01,
    min_lr_ratio=0.0,
)
PREFERENCE_LOOP = LoopConfig(
    steps=120, learning_rate=3e-3, weight_decay=0.0, warmup_ratio=0.1, min_lr_ratio=0.0, beta2=0.99
)
PAIRS_PER_STEP = 128
"""Pairs per step of DPO."""
REINFORCEMENT_LOOP = LoopConfig(
    learning_rate=1e-3, weight_decay=0.0, warmup_ratio=0.0, min_lr_ratio=1.0, beta2=0.99
)
SUMS_PPO = PPOHyperparameters(
    n_phases=60,
    prompts_per_phase=200,
    max_new_tokens=sums.MAX_SUM_TOKENS,
    n_epochs=2,
    n_minibatches=2,
    missing_stop_penalty=0.0,
)

READER_ERROR_RATE = 1 / (1 + math.e)
"""sigmoid(0 - 1): the share of readers who prefer an answer of reward 0 to one of reward 1."""
noisy_preference_loss = partial(conservative_dpo_loss, smoothing=READER_ERROR_RATE)
"""Mean of -log sigmoid over both verdicts on a pair, weighted by how often readers give them."""


class SumsExperiment(NamedTuple):
    """The task, its imitator, and all answers with log-probabilities and rewards."""

    imitator: Policy
    prompts: list[list[int]]
    reference: Float[Tensor, "N A"]
    """log pi_ref of every answer to every question, where pi_ref is the imitator."""
    rewards: Float[Tensor, "N A"]


def prepare_experiment(
    seed: int = 0, loop: LoopConfig = IMITATION_LOOP, questions: Sequence[str] = sums.QUESTIONS
) -> SumsExperiment:
    """Train the imitator and enumerate its answers."""
    torch.manual_seed(seed)
    policy = Policy(MODEL_SHAPE)
    examples = sums.demonstrations(questions, n_each=60, seed=seed)
    epochs = EpochSampler(len(examples), 128, seed)
    batches = step_batches(examples, pad_examples, epochs, 128, torch.device("cpu"))
    for _ in train(policy, batches, sft_loss, replace(loop, seed=seed)):
        pass
    prompts = [sums.TOKENIZER.encode(question) for question in questions]
    policy.eval()
    reference = answer_logprobs(policy, prompts, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    return SumsExperiment(policy, prompts, reference, reward_table(questions))


def reward_table(questions: Sequence[str]) -> Float[Tensor, "N A"]:
    """Compute the reward of every answer to every question."""
    answers = enumerate_answers(MODEL_SHAPE.vocab_size, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    texts = [(decode(sums.TOKENIZER, list(each.tokens)), each.stopped) for each in answers]
    table = [[sums.sum_reward(question, *text) for text in texts] for question in questions]
    return torch.tensor(table, dtype=torch.float64)


def sample_imitator_pairs(task: SumsExperiment, n_each: int, seed: int) -> list[TokenPair]:
    """Sample two answers per question, and keep pairs with one right and one wrong answer."""
    generator = torch.Generator().manual_seed(seed)
    prompts = task.prompts * n_each
    sampled = []
    for _ in range(2):
        each = rollout(task.imitator, prompts, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN, generator)
        answers = [row[mask].tolist() for row, mask in zip(*each.rows[:2], strict=True)]
        sampled.append(zip(answers, rollout_rewards(each).tolist(), strict=True))
    pairs = []
    for prompt, (a, reward_a), (b, reward_b) in zip(prompts, *sampled, strict=True):
        if reward_a != reward_b:
            pairs.append(TokenPair(prompt, *((a, b) if reward_a > reward_b else (b, a))))
    return pairs


def rollout_rewards(sampled: Rollout) -> Float[Tensor, " B"]:
    """Compute the true reward of each answer."""
    rewards = []
    for (prompt, answer), stopped in zip(
        sampled.prompts_and_answers(), sampled.stopped.tolist(), strict=True
    ):
        question, text = (decode(sums.TOKENIZER, tokens) for tokens in (prompt, answer))
        rewards.append(sums.sum_reward(question, text, stopped))
    return torch.tensor(rewards)


def dpo_on_sums(
    task: SumsExperiment,
    pairs: list[TokenPair],
    beta: float,
    loss: MarginLoss = noisy_preference_loss,
    seed: int = 0,
    loop: LoopConfig = PREFERENCE_LOOP,
) -> Policy:
    """Train a copy of the imitator with DPO on these pairs."""
    policy, loop = copy.deepcopy(task.imitator), replace(loop, seed=seed)
    epochs = EpochSampler(len(pairs), PAIRS_PER_STEP, seed)
    batches = pair_batches(pairs, epochs, PAIRS_PER_STEP, torch.device("cpu"))
    for _ in train_dpo(policy, task.imitator, batches, loop, loss, beta):
        pass
    return policy.eval()


def ppo_on_sums(
    task: SumsExperiment, beta: float, seed: int = 0, config: PPOHyperparameters = SUMS_PPO
) -> Policy:
    """Train a copy of the imitator with PPO."""
    torch.manual_seed(seed)
    policy = copy.deepcopy(task.imitator)
    critic = as_scorer(copy.deepcopy(task.imitator))
    models, loop = ActorCritic(policy, critic, beta), replace(REINFORCEMENT_LOOP, seed=seed)
    epochs = EpochSampler(len(task.prompts), config.prompts_per_phase, seed)
    records = ppo(
        models,
        task.imitator,
        rollout_rewards,
        prompts=lambda phase: [task.prompts[number] for number in epochs(phase)],
        stop=sums.STOP_TOKEN,
        config=replace(config, kl_coef=beta),
        loop=loop,
    )
    for _ in records:
        pass
    return policy.eval()


def policy_point(task: SumsExperiment, policy: Policy) -> FrontierPoint:
    """Compute the exact KL and reward of a policy."""
    logprobs = answer_logprobs(policy, task.prompts, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    return exact_point(logprobs, task.reference, task.rewards)
