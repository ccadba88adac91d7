"""DPO and PPO on sums, each at several prices of the KL, beside the best that any policy can do.

The imitator learns from demonstrations and is the reference of both. DPO learns from pairs of its
answers of which one is right and the other wrong; PPO answers and is told. Then every policy is put
where it belongs by listing all of its answers: no sample, no estimate.

Both aim at the same table at the same beta, if the pairs are what the derivation of DPO takes them
for: choices of readers who err as Bradley and Terry say. `noisy_preference_loss` is the loss of
such readers, without the noise of single votes. Pairs that are always right have no best policy.
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

from finetune.conversations.rows import EpochSampler, Rows, pad_examples
from finetune.dpo.losses import conservative_dpo_loss
from finetune.dpo.pairs import TokenPair, pair_batches
from finetune.dpo.training import MarginLoss, train_dpo
from finetune.optimum import sums
from finetune.optimum.enumeration import answer_logprobs, enumerate_answers
from finetune.optimum.frontier import FrontierPoint, exact_point
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.ppo import ppo
from finetune.ppo.rollouts import Rollout, rollout
from finetune.reward.scorer import as_scorer
from finetune.sft.loss import sft_loss
from finetune.sft.policy import Policy
from gpt.model.config import GPTConfig
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
    muon_rate=0.02,
    learning_rate=5e-3,
    weight_decay=0.01,
    final_rate=0.0,
)
PREFERENCE_LOOP = LoopConfig(
    steps=120, learning_rate=3e-3, weight_decay=0.0, warmup=0.1, final_rate=0.0, beta2=0.99
)
PAIRS_PER_STEP = 128
"""Of a step of DPO."""
REINFORCEMENT_LOOP = LoopConfig(
    learning_rate=1e-3, weight_decay=0.0, warmup=0.0, final_rate=1.0, beta2=0.99
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
"""sigmoid(0 - 1): how often a reader prefers an answer of reward 0 to one of reward 1."""
noisy_preference_loss = partial(conservative_dpo_loss, smoothing=READER_ERROR_RATE)
"""The mean of -log sigmoid over both verdicts on a pair, each as often as readers give it."""


class SumsExperiment(NamedTuple):
    """The task, its imitator, and everything that can be known about them."""

    imitator: Policy
    prompts: list[list[int]]
    reference: Float[Tensor, "N A"]
    """log pi_ref of every answer to every question."""
    rewards: Float[Tensor, "N A"]


def prepare_experiment(
    seed: int = 0, loop: LoopConfig = IMITATION_LOOP, questions: Sequence[str] = sums.QUESTIONS
) -> SumsExperiment:
    """Train the imitator and list its answers."""
    torch.manual_seed(seed)
    policy = Policy(MODEL_SHAPE)
    examples = sums.demonstrations(questions, n_each=60, seed=seed)
    epochs = EpochSampler(len(examples), 128, seed)

    def batches(step: int) -> list[Rows]:
        return [pad_examples([examples[number] for number in epochs(step)])]

    for _ in train(policy, batches, sft_loss, replace(loop, seed=seed)):
        pass
    prompts = [sums.TOKENIZER.encode(question) for question in questions]
    policy.eval()
    reference = answer_logprobs(policy, prompts, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    return SumsExperiment(policy, prompts, reference, reward_table(questions))


def reward_table(questions: Sequence[str]) -> Float[Tensor, "N A"]:
    """The reward of every answer to every question."""
    answers = enumerate_answers(MODEL_SHAPE.vocab_size, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    texts = [(decode(sums.TOKENIZER, list(each.tokens)), each.stopped) for each in answers]
    table = [[sums.sum_reward(question, *text) for text in texts] for question in questions]
    return torch.tensor(table, dtype=torch.float64)


def sample_imitator_pairs(made: SumsExperiment, n_each: int, seed: int) -> list[TokenPair]:
    """Two answers of the imitator to a question, of which one is right and one is not."""
    generator = torch.Generator().manual_seed(seed)
    prompts = made.prompts * n_each
    first, second = (
        answers_with_rewards(
            rollout(made.imitator, prompts, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN, generator)
        )
        for _ in range(2)
    )
    pairs = []
    for prompt, (a, score_a), (b, score_b) in zip(prompts, first, second, strict=True):
        if score_a != score_b:
            pairs.append(TokenPair(prompt, *((a, b) if score_a > score_b else (b, a))))
    return pairs


def answers_with_rewards(made: Rollout) -> list[tuple[list[int], float]]:
    """Each answer, with its stop token, and its reward."""
    answers = [row[mask].tolist() for row, mask in zip(*made.rows[:2], strict=True)]
    return list(zip(answers, rollout_rewards(made).tolist(), strict=True))


def rollout_rewards(made: Rollout) -> Float[Tensor, " B"]:
    """The true reward of each answer."""
    found = []
    for (prompt, answer), stopped in zip(
        made.prompts_and_answers(), made.stopped.tolist(), strict=True
    ):
        question, text = (decode(sums.TOKENIZER, tokens) for tokens in (prompt, answer))
        found.append(sums.sum_reward(question, text, stopped))
    return torch.tensor(found)


def train_dpo_on_sums(
    made: SumsExperiment,
    pairs: list[TokenPair],
    beta: float,
    loss: MarginLoss = noisy_preference_loss,
    seed: int = 0,
    loop: LoopConfig = PREFERENCE_LOOP,
) -> Policy:
    """The imitator after DPO on these pairs."""
    policy, loop = copy.deepcopy(made.imitator), replace(loop, seed=seed)
    epochs = EpochSampler(len(pairs), PAIRS_PER_STEP, seed)
    batches = pair_batches(pairs, epochs, PAIRS_PER_STEP, torch.device("cpu"))
    for _ in train_dpo(policy, made.imitator, batches, loop, loss, beta):
        pass
    return policy.eval()


def train_ppo_on_sums(
    made: SumsExperiment, beta: float, seed: int = 0, config: PPOHyperparameters = SUMS_PPO
) -> Policy:
    """The imitator after PPO."""
    torch.manual_seed(seed)
    policy = copy.deepcopy(made.imitator)
    critic = as_scorer(copy.deepcopy(made.imitator))
    models, loop = ActorCritic(policy, critic, beta), replace(REINFORCEMENT_LOOP, seed=seed)
    epochs = EpochSampler(len(made.prompts), config.prompts_per_phase, seed)

    def prompts(phase: int) -> list[list[int]]:
        return [made.prompts[number] for number in epochs(phase)]

    config = replace(config, kl_coef=beta)
    stop, reference = sums.STOP_TOKEN, made.imitator
    for _ in ppo(models, reference, rollout_rewards, prompts, stop, config, loop):
        pass
    return policy.eval()


def policy_point(made: SumsExperiment, policy: Policy) -> FrontierPoint:
    """Where a policy stands, exactly."""
    found = answer_logprobs(policy, made.prompts, sums.MAX_SUM_TOKENS, sums.STOP_TOKEN)
    return exact_point(found, made.reference, made.rewards)
