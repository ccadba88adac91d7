"""PPO in a run folder: options, prompts, reward function and training."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import tyro
from jaxtyping import Float
from torch import Tensor

from finetune.assistant.assistant import Assistant, load_scorer
from finetune.conversations.encoding import prompt_tokens
from finetune.conversations.messages import single_turn_prompt
from finetune.datasets.questions import Question
from finetune.datasets.rule import rule_score
from finetune.datasets.tasks import Task, question_task
from finetune.options import FinetuneOptions
from finetune.ppo.actor_critic import ActorCritic
from finetune.ppo.config import PPOHyperparameters
from finetune.ppo.ppo import RewardFunction, ppo
from finetune.reward.scorer import as_scorer
from finetune.runs import describe_trained_weights, load_to_train, require_reward_settings
from gpt.errors import BadInput
from gpt.policy.policy import Policy, copy_sharing_frozen, make_reference, share_layers_as
from gpt.policy.rollouts import Rollout
from gpt.policy.rows import EpochSampler
from gpt.runs.folder import RunFolder
from gpt.runs.options import Hidden, PhaseLoopConfig
from gpt.runs.progress import report_message
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import decode, load_tokenizer

RULE = "rule"
"""Name of the reward function that is the true reward itself."""
DEFAULT_PPO = PPOHyperparameters()
PPO_LOOP = PhaseLoopConfig(
    learning_rate=1e-4, min_lr_ratio=1.0, warmup_ratio=0.0, beta2=0.99, weight_decay=0.0
)


@dataclass(frozen=True)
class PpoConfig(FinetuneOptions):
    """Train a model on scores of its own answers to questions about Python's library."""

    command: ClassVar[str] = "finetune ppo"

    loop: tyro.conf.OmitArgPrefixes[PhaseLoopConfig] = PPO_LOOP
    """Optimizer and learning rate of the updates."""
    ppo: tyro.conf.OmitArgPrefixes[PPOHyperparameters] = DEFAULT_PPO
    """Hyperparameters of PPO."""
    batch_size: Hidden[int] = FinetuneOptions.batch_size
    micro_batch_size: Hidden[int | None] = None
    model: str = "runs/sft"
    name: str = "ppo"
    reward_model: str = "runs/reward"
    """Run folder of the reward model that scores the answers, or `rule` for the true reward.
    The rule checks that answers end, are brief, do not repeat themselves and are on topic."""


def check_reward_model(config: PpoConfig, assistant: Assistant) -> None:
    """Check that the reward model exists and has the tokens of the policy.

    Raises:
        BadInput: the folder holds no reward model, or one with another tokenizer.
    """
    if config.reward_model == RULE:
        return
    path = Path(config.reward_model)
    require_reward_settings(path)
    if load_tokenizer(RunFolder(path).tokenizer).to_json() != assistant.tokenizer.to_json():
        raise BadInput(
            f"the reward model {config.reward_model!r} has other tokens than {config.model!r}"
        )


def load_questions(config: PpoConfig, assistant: Assistant) -> Task[Question]:
    """Load the questions, and report how many of them cannot be used."""
    questions = question_task().train
    if n := len(questions) - len(questions_by_prompt(config, assistant, questions)):
        report_message(
            f"{n} of {len(questions)} questions are left out: too long to leave "
            f"{config.ppo.max_new_tokens} tokens for an answer, or identical to another question "
            "after tokenising"
        )
    return question_task()


def questions_by_prompt(
    config: PpoConfig, assistant: Assistant, questions: list[Question]
) -> dict[tuple[int, ...], Question]:
    """Map prompts, as tokens, to their questions, where the context has space for an answer.

    Raises:
        BadInput: it has space after none of the prompts.
    """
    n_tokens, context = config.ppo.max_new_tokens, assistant.model.config.context
    found = {}
    for each in questions:
        messages = single_turn_prompt(each.question)
        prompt = prompt_tokens(assistant.format, assistant.tokenizer, messages)
        if len(prompt) + n_tokens <= context:
            found[tuple(prompt)] = each
    if not found:
        raise BadInput(
            f"a context of {context} tokens has no space for answers of max_new_tokens "
            f"{n_tokens} after any question"
        )
    return found


def rule_reward(assistant: Assistant, questions: dict[tuple[int, ...], Question]) -> RewardFunction:
    """Return the true reward: the rule, applied to the text of the answers."""

    def score(rollout: Rollout) -> Float[Tensor, " B"]:
        pairs = zip(rollout.prompts_and_answers(), rollout.stopped.tolist(), strict=True)
        scores = [
            rule_score(questions[tuple(prompt)], decode(assistant.tokenizer, answer), stopped)
            for (prompt, answer), stopped in pairs
        ]
        return torch.tensor(scores, device=rollout.stopped.device)

    return score


def reward_model_reward(path: Path, device: torch.device) -> RewardFunction:
    """Return the scores of the reward model in a run folder."""
    scorer = load_scorer(path)[0].to(device)

    @torch.no_grad()
    def score(rollout: Rollout) -> Float[Tensor, " B"]:
        return scorer(rollout.rows.tokens, rollout.rows.lengths)

    return score


def run_ppo(run: TrainingRun, config: PpoConfig) -> None:
    """Train policy and critic of a run, from its last checkpoint."""
    assistant, task = load_to_train(run, Question)
    questions = questions_by_prompt(config, assistant, task.train)
    all_prompts = [list(prompt) for prompt in questions]
    epochs = EpochSampler(len(all_prompts), config.ppo.prompts_per_phase, config.loop.seed)
    policy = share_layers_as(Policy, assistant.model)
    reference = make_reference(policy)
    critic = as_scorer(copy_sharing_frozen(assistant.model))
    models = ActorCritic(policy, critic, config.ppo.kl_coef).to(run.device)
    if config.reward_model == RULE:
        score = rule_reward(assistant, questions)
    else:
        score = reward_model_reward(Path(config.reward_model), run.device)
    records = ppo(
        models,
        reference,
        score,
        prompts=lambda phase: [all_prompts[number] for number in epochs(phase)],
        stop=assistant.stop,
        config=config.ppo,
        loop=config.loop,
        start=run.last_checkpoint(config.ppo.updates_per_phase),
        folder=run.folder.checkpoints,
    )
    run.follow(
        records,
        steps=config.ppo.n_phases,
        title=describe_trained_weights(models),
        tokens_per_step=config.ppo.prompts_per_phase * config.ppo.max_new_tokens,
    )
