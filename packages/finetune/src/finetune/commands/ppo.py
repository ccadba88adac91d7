"""`finetune ppo`: answer, be scored, and answer better."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import tyro
from jaxtyping import Float
from torch import Tensor

from finetune.assistant.assistant import Assistant, load_scorer
from finetune.commands.stage import (
    FinetuneConfig,
    Stage,
    describe_trained_weights,
    report_answers,
    run_stage,
)
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import single_turn_prompt
from finetune.conversations.rows import EpochSampler
from finetune.datasets.questions import Question
from finetune.datasets.rule import rule_score
from finetune.datasets.tasks import Task, question_task
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.phases import RewardFunction, make_reference
from finetune.ppo.ppo import PPOConfig, ppo
from finetune.ppo.rollouts import Rollout
from finetune.reward.scorer import as_scorer
from finetune.sft.policy import Policy, share_layers_as
from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.runs.folder import RunFolder
from gpt.runs.progress import report_message
from gpt.runs.training_run import PreparedLoop, load_last_checkpoint
from gpt.text.tokenizers import decode
from gpt.training.loop import LoopConfig

DEFAULT_PPO = PPOConfig()
PPO_LOOP = LoopConfig(learning_rate=1e-4, final_rate=1.0, warmup=0.0, beta2=0.99, weight_decay=0.0)


@dataclass(frozen=True)
class PpoConfig(FinetuneConfig):
    """Learn from scores of the model's own answers to questions about Python's library."""

    command: ClassVar[str] = "finetune ppo"
    loop: tyro.conf.OmitArgPrefixes[LoopConfig] = PPO_LOOP
    """How to update; the number of steps follows from the phases."""
    ppo: tyro.conf.OmitArgPrefixes[PPOConfig] = DEFAULT_PPO
    """How to learn from scores."""
    model: str = "runs/sft"
    name: str = "ppo"
    reward: str = "runs/reward"
    """Who scores: the run of a reward model, or `rule_score`, the true reward itself."""

    def __post_init__(self) -> None:
        """Refuse what other stages have and this one would ignore."""
        super().__post_init__()
        for name in ("batch_size", "micro_batch"):
            if getattr(self, name) != getattr(FinetuneConfig, name):
                raise BadInput(f"finetune ppo has no {name}; --prompts and --minibatches decide it")
        if self.loop.steps != PPO_LOOP.steps:
            raise BadInput("finetune ppo has no steps; --phases decides how long it learns")


def run(config: PpoConfig) -> int:
    """Train and compare the answers."""
    return run_stage(PPO, config)


def task(config: PpoConfig, assistant: Assistant) -> Task[Question]:
    """The questions, after a look at whether there is a judge."""
    if config.data != "python":
        raise BadInput(f"finetune ppo answers questions about python; there is no {config.data!r}")
    load_reward_function(config, assistant, {}, torch.device("cpu"))
    n, known = (
        len(question_task().train),
        questions_by_prompt(config, assistant, question_task().train),
    )
    if len(known) < n:
        report_message(
            f"{n - len(known)} of {n} questions are left out: too long to leave {config.ppo.room} "
            "tokens for an answer, or identical to another question after tokenising"
        )
    return question_task()


def prepared(
    config: PpoConfig,
    folder: RunFolder,
    assistant: Assistant,
    task: Task[Question],
    device: torch.device,
) -> PreparedLoop:
    """The phases of this run, from its newest checkpoint."""
    known = questions_by_prompt(config, assistant, task.train)
    prompts = [list(prompt) for prompt in known]
    epochs = EpochSampler(len(prompts), config.ppo.prompts, config.loop.seed)
    reference = share_layers_as(Policy, copy_sharing_frozen(assistant.model)).requires_grad_(False)
    critic = as_scorer(copy_sharing_frozen(assistant.model))
    policy = share_layers_as(Policy, assistant.model)
    models = ActorCritic(policy, critic, config.ppo.beta).to(device)
    start, done = load_last_checkpoint(folder, config.ppo.updates)
    loop = ppo(
        models,
        make_reference(reference.to(device)),
        load_reward_function(config, assistant, known, device),
        lambda phase: [prompts[number] for number in epochs(phase)],
        assistant.stop,
        config.ppo,
        config.loop,
        start,
        folder.checkpoints,
    )
    title = describe_trained_weights(models)
    return PreparedLoop(loop, done, config.ppo.phases, title, config.ppo.prompts * config.ppo.room)


def copy_sharing_frozen(model: GPT) -> GPT:
    """A copy that shares what is frozen: with adapters, three models hold one base."""
    frozen_ones = [each for each in model.parameters() if not each.requires_grad]
    return copy.deepcopy(model, {id(each): each for each in [*frozen_ones, *model.buffers()]})


def questions_by_prompt(
    config: PpoConfig, assistant: Assistant, items: list[Question]
) -> dict[tuple[int, ...], Question]:
    """The tokens that the model answers, and what they ask, where an answer has room.

    Raises:
        BadInput: it has none anywhere.
    """
    room, context = config.ppo.room, assistant.model.config.context
    written = (
        prompt_tokens(assistant.format, assistant.tokenizer, single_turn_prompt(each.question))
        for each in items
    )
    pairs = zip(written, items, strict=True)
    known = {tuple(prompt): each for prompt, each in pairs if len(prompt) + room <= context}
    if not known:
        raise BadInput(f"a context of {context} tokens has no room of {room} beside any question")
    return known


class RuleReward:
    """The true reward: the rule, on the text of the answers."""

    def __init__(self, assistant: Assistant, known: dict[tuple[int, ...], Question]) -> None:
        self.assistant, self.known = assistant, known

    def __call__(self, made: Rollout) -> Float[Tensor, " B"]:
        """One number an answer, in [0, 1]."""
        tokenizer = self.assistant.tokenizer
        pairs = zip(made.texts(), made.stopped.tolist(), strict=True)
        scores = [
            rule_score(self.known[tuple(prompt)], decode(tokenizer, answer), stopped)
            for (prompt, answer), stopped in pairs
        ]
        return torch.tensor(scores, device=made.stopped.device)


def load_reward_function(
    config: PpoConfig,
    assistant: Assistant,
    known: dict[tuple[int, ...], Question],
    device: torch.device,
) -> RewardFunction:
    """Who scores: the rule, or a reward model that reads the same tokens.

    Raises:
        BadInput: the reward model has another vocabulary.
    """
    if config.reward == "rule":
        return RuleReward(assistant, known)
    scorer, judge = load_scorer(Path(config.reward))
    if judge.tokenizer.to_json() != assistant.tokenizer.to_json():
        raise BadInput(
            f"the reward model {config.reward!r} reads other tokens than {config.model!r}"
        )
    scorer.to(device)

    @torch.no_grad()
    def score(made: Rollout) -> Float[Tensor, " B"]:
        return scorer(made.rows.tokens, made.rows.lengths)

    return score


def report(config: PpoConfig, folder: RunFolder) -> int:
    """The answers before and after, on held-out questions."""
    return report_answers(config, folder, [])


PPO = Stage(task, Question, prepared, report)
