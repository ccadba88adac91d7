"""DPO and PPO on sums, each at several prices of the KL, beside the best that any policy can do.

The imitator learns from demonstrations and is the reference of both. DPO learns from pairs of its
answers of which one is right and the other wrong; PPO answers and is told. Then every policy is put
where it belongs by listing all of its answers: no sample, no estimate.

Both aim at the same table at the same beta, if the pairs are what the derivation of DPO takes them
for: choices of readers who err as Bradley and Terry say. `as_readers_err` is the loss of such
readers, without the noise of single votes. Pairs that are always right have no best policy.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from finetune.conversations.rows import Epochs, Rows, padded
from finetune.dpo.losses import conservative_dpo_loss
from finetune.dpo.pairs import Pair, pair_batches, stacked
from finetune.dpo.training import preference_loss, reference_logprobs
from finetune.optimum import sums
from finetune.optimum.enumeration import all_answers, answer_logprobs
from finetune.optimum.frontier import Point, exact_point
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.phases import frozen
from finetune.ppo.ppo import PPOConfig, ppo
from finetune.ppo.rollouts import Rollout, rollout
from finetune.reward.scorer import as_scorer
from finetune.sft.loss import sft_loss
from finetune.sft.policy import Policy
from gpt.model.config import GPTConfig
from gpt.text.tokenizers import decode
from gpt.training.loop import LoopConfig, train

SHAPE = GPTConfig(
    vocab_size=sums.TOKENIZER.vocab_size,
    context=16,
    n_layers=1,
    n_heads=4,
    d_model=64,
    d_ff=256,
    norm_kind="rms",
)
IMITATION = LoopConfig(
    steps=300,
    optimizer="muon",
    muon_rate=0.02,
    learning_rate=5e-3,
    weight_decay=0.01,
    final_rate=0.0,
)
PREFERENCE = LoopConfig(
    steps=120, learning_rate=3e-3, weight_decay=0.0, warmup=0.1, final_rate=0.0, beta2=0.99
)
PAIRS = 128
"""Of a step of DPO."""
REINFORCEMENT = LoopConfig(
    learning_rate=1e-3, weight_decay=0.0, warmup=0.0, final_rate=1.0, beta2=0.99
)
PPO = PPOConfig(phases=60, prompts=200, room=sums.ROOM, epochs=2, minibatches=2, missing_stop=0.0)

ERRORS = 1 / (1 + math.e)
"""sigmoid(0 - 1): how often a reader prefers an answer of reward 0 to one of reward 1."""
as_readers_err = partial(conservative_dpo_loss, smoothing=ERRORS)
"""The mean of -log sigmoid over both verdicts on a pair, each as often as readers give it."""


class World(NamedTuple):
    """The task, its imitator, and everything that can be known about them."""

    imitator: Policy
    prompts: list[list[int]]
    reference: Float[Tensor, "N A"]
    """log pi_ref of every answer to every question."""
    rewards: Float[Tensor, "N A"]


def world(
    seed: int = 0, loop: LoopConfig = IMITATION, questions: Sequence[str] = sums.QUESTIONS
) -> World:
    """Train the imitator and list its answers."""
    torch.manual_seed(seed)
    policy = Policy(SHAPE)
    examples = sums.demonstrations(questions, n_each=60, seed=seed)
    epochs = Epochs(len(examples), 128, seed)

    def batches(step: int) -> list[Rows]:
        return [padded([examples[number] for number in epochs(step)])]

    for _ in train(policy, batches, sft_loss, replace(loop, seed=seed)):
        pass
    prompts = [sums.TOKENIZER.encode(question) for question in questions]
    policy.eval()
    reference = answer_logprobs(policy, prompts, sums.ROOM, sums.STOP)
    return World(policy, prompts, reference, reward_table(questions))


def reward_table(questions: Sequence[str]) -> Float[Tensor, "N A"]:
    """The reward of every answer to every question."""
    answers = all_answers(SHAPE.vocab_size, sums.ROOM, sums.STOP)
    texts = [(decode(sums.TOKENIZER, list(each.tokens)), each.stopped) for each in answers]
    table = [[sums.reward(question, *text) for text in texts] for question in questions]
    return torch.tensor(table, dtype=torch.float64)


def sampled_pairs(made: World, n_each: int, seed: int) -> list[Pair]:
    """Two answers of the imitator to a question, of which one is right and one is not."""
    generator = torch.Generator().manual_seed(seed)
    prompts = made.prompts * n_each
    first, second = (
        judged(rollout(made.imitator, prompts, sums.ROOM, sums.STOP, generator)) for _ in range(2)
    )
    pairs = []
    for prompt, (a, score_a), (b, score_b) in zip(prompts, first, second, strict=True):
        if score_a != score_b:
            pairs.append(Pair(prompt, *((a, b) if score_a > score_b else (b, a))))
    return pairs


def judged(made: Rollout) -> list[tuple[list[int], float]]:
    """Each answer, with its stop token, and its reward."""
    answers = [row[mask].tolist() for row, mask in zip(*made.rows[:2], strict=True)]
    return list(zip(answers, scores(made).tolist(), strict=True))


def scores(made: Rollout) -> Float[Tensor, " B"]:
    """The true reward of each answer."""
    found = []
    for (prompt, answer), stopped in zip(made.texts(), made.stopped.tolist(), strict=True):
        question, text = (decode(sums.TOKENIZER, tokens) for tokens in (prompt, answer))
        found.append(sums.reward(question, text, stopped))
    return torch.tensor(found)


def dpo_policy(
    made: World,
    pairs: list[Pair],
    beta: float,
    loss: Callable[..., Float[Tensor, ""]] = as_readers_err,
    seed: int = 0,
    loop: LoopConfig = PREFERENCE,
) -> Policy:
    """The imitator after DPO on these pairs."""
    policy, loop = copy.deepcopy(made.imitator), replace(loop, seed=seed)
    reference = reference_logprobs(
        policy, (stacked(pairs[n : n + 256]) for n in range(0, len(pairs), 256))
    )
    epochs = Epochs(len(pairs), PAIRS, seed)
    batches = pair_batches(pairs, reference, epochs, PAIRS, torch.device("cpu"))
    for _ in train(policy, batches, preference_loss(loss, beta), loop):
        pass
    return policy.eval()


def ppo_policy(made: World, beta: float, seed: int = 0, config: PPOConfig = PPO) -> Policy:
    """The imitator after PPO."""
    torch.manual_seed(seed)
    policy = copy.deepcopy(made.imitator)
    critic = as_scorer(copy.deepcopy(made.imitator))
    models, loop = ActorCritic(policy, critic, beta), replace(REINFORCEMENT, seed=seed)
    epochs = Epochs(len(made.prompts), config.prompts, seed)

    def prompts(phase: int) -> list[list[int]]:
        return [made.prompts[number] for number in epochs(phase)]

    config = replace(config, beta=beta)
    for _ in ppo(models, frozen(made.imitator), scores, prompts, sums.STOP, config, loop):
        pass
    return policy.eval()


def place(made: World, policy: Policy) -> Point:
    """Where a policy stands, exactly."""
    found = answer_logprobs(policy, made.prompts, sums.ROOM, sums.STOP)
    return exact_point(found, made.reference, made.rewards)
