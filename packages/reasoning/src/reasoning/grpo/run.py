"""GRPO in a run folder: start model, prompts, reward function and training."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gpt.errors import BadInput
from gpt.model.gpt import GPT
from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy, make_reference, share_layers_as
from gpt.policy.rows import EpochSampler
from gpt.runs.folder import RunFolder
from gpt.runs.processes import n_processes
from gpt.runs.training_run import TrainingRun
from gpt.text.tokenizers import save_tokenizer
from gpt.training.loop import train
from reasoning.grpo.controls import countdown_batches, rejection_sft
from reasoning.grpo.evaluation import EVALUATION_FILE
from reasoning.grpo.grpo import grpo
from reasoning.grpo.options import COUNTDOWN, RANDOM, GrpoConfig
from reasoning.grpo.rewards import (
    TextReward,
    countdown_reward,
    load_reward,
    puzzle_of_prompt,
    random_reward,
    score_rollout,
)
from reasoning.start.data import Tasks, sample_puzzle
from reasoning.start.gate import held_out_puzzles
from reasoning.start.loading import load_reasoner
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.vocabulary import TOKENIZER

CHAIN_DIFFICULTY = (30, 1)
"""Chains are not trained on here; any difficulty would do."""


class GrpoSetup(NamedTuple):
    """A start model with the prompts and the reward of a run."""

    model: GPT
    prompts: list[str]
    """Prompts of the file; empty if puzzles are drawn instead."""
    evaluated: list[str]
    """Prompts of the evaluation."""
    reward: TextReward
    evaluation_reward: TextReward
    """Equal to `reward`, except that a run with random rewards is judged by the rules."""
    sha256: str
    """Checksum of the model, the prompts and the file of the reward."""


def load_setup(config: GrpoConfig) -> GrpoSetup:
    """Load the model, the prompts and the reward of a run, and check that they fit together.

    Raises:
        BadInput: a file is missing or damaged, or does not fit the model.
    """
    model = load_reasoner(config.model)
    prompts = read_prompts(Path(config.prompts)) if config.prompts else []
    evaluated = prompts[: config.n_evaluated]
    if not prompts:
        puzzles = held_out_puzzles(Tasks.load(*CHAIN_DIFFICULTY), config.n_evaluated)
        evaluated = [countdown_prompt(puzzle) for puzzle in puzzles]
    longest = max(len(TOKENIZER.encode(prompt)) for prompt in [*prompts, *evaluated])
    if longest + config.grpo.max_new_tokens > model.config.context:
        raise BadInput(
            f"a prompt of {longest} tokens and max_new_tokens {config.grpo.max_new_tokens} do not "
            f"fit the context of {model.config.context} tokens"
        )
    source = ""
    if config.reward in (COUNTDOWN, RANDOM):
        for prompt in prompts:
            puzzle_of_prompt(prompt)
        evaluation_reward = countdown_reward
        reward = countdown_reward if config.reward == COUNTDOWN else random_reward(config.loop.seed)
    else:
        reward = evaluation_reward = load_reward(Path(config.reward))
        source = Path(config.reward).read_text(encoding="utf-8")
    digest = hashlib.sha256("\n".join([source, *prompts]).encode())
    for weight in model.state_dict().values():
        digest.update(weight.cpu().contiguous().numpy().tobytes())
    return GrpoSetup(model, prompts, evaluated, reward, evaluation_reward, digest.hexdigest())


def read_prompts(path: Path) -> list[str]:
    """Return the lines of a file that are not empty.

    Raises:
        BadInput: the file is missing or empty, or has a word that the model does not know.
    """
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r} to read prompts from")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(path)!r} is not a text file in UTF-8") from error
    prompts: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                TOKENIZER.encode(line)
            except BadInput as error:
                raise BadInput(f"line {number} of {str(path)!r}: {error}") from error
            prompts.append(" ".join(line.split()))
    if not prompts:
        raise BadInput(f"{str(path)!r} has no prompts")
    return prompts


def create_grpo_run(folder: RunFolder, config: GrpoConfig, setup: GrpoSetup) -> None:
    """Write the tokenizer and the config of a new run."""
    folder.clear()
    (folder.path / EVALUATION_FILE).unlink(missing_ok=True)
    save_tokenizer(folder.tokenizer, TOKENIZER)
    folder.write_config(setup.model.config, setup.sha256, config.settings(), config.command)


def phase_prompts(config: GrpoConfig, prompts: list[str]) -> Callable[[int], list[list[int]]]:
    """Return a function that gives the prompts of a phase, as tokens."""
    n, seed = config.grpo.prompts_per_phase, config.loop.seed
    if prompts:
        epochs = EpochSampler(len(prompts), n, seed)
        return lambda phase: [TOKENIZER.encode(prompts[number]) for number in epochs(phase)]
    puzzles = Tasks.load(*CHAIN_DIFFICULTY).four.train

    def sampled_prompts(phase: int) -> list[list[int]]:
        random = np.random.default_rng([seed, phase])
        sampled = (sample_puzzle(puzzles, random) for _ in range(n))
        return [TOKENIZER.encode(countdown_prompt(puzzle)) for puzzle in sampled]

    return sampled_prompts


def run_grpo(run: TrainingRun, config: GrpoConfig, setup: GrpoSetup) -> None:
    """Train the policy of a run, from its last checkpoint.

    Raises:
        BadInput: the model, the prompts or the reward are not those that the run was started with.
    """
    if setup.sha256 != run.folder.read_config()["text_sha256"]:
        raise BadInput(
            f"the model, the prompts or the reward of {str(run.folder.path)!r} have changed since "
            "the run was started"
        )
    sizes, loop = config.grpo, config.grpo.loop_config(config.loop)
    policy = share_layers_as(Policy, setup.model).to(run.device)
    title = f"{policy.n_parameters():,} parameters on {run.device.type}"
    n_tokens = sizes.answers_per_phase * sizes.max_new_tokens
    folder, size = run.folder.checkpoints, config.micro_batch_size or sizes.answers_per_phase
    if config.method == "continued-sft":
        n_rows = sizes.answers_per_phase // sizes.n_minibatches
        tasks = Tasks.load(*CHAIN_DIFFICULTY)
        batches = countdown_batches(tasks, n_rows, size, loop.seed, run.device)
        records = train(policy, batches, sft_loss, loop, start=run.last_checkpoint(), folder=folder)
        run.follow(records, loop.steps, title, n_tokens // sizes.updates_per_phase)
        return
    algorithm = rejection_sft
    if config.method == "grpo":
        reference = make_reference(policy) if sizes.kl_coef > 0 else None
        algorithm = partial(grpo, reference=reference)
    records = algorithm(
        policy,
        score=score_rollout(setup.reward, sizes.group_size),
        prompts=phase_prompts(config, setup.prompts),
        stop=TOKENIZER.end_of_text,
        config=sizes,
        loop=config.loop,
        micro_batch_size=size,
        start=run.last_checkpoint(sizes.updates_per_phase),
        folder=folder,
    )
    run.follow(records, sizes.n_phases, title, n_tokens)


def check_processes(config: GrpoConfig) -> None:
    """Check that each minibatch has at least one answer for every process.

    Raises:
        BadInput: there are more processes than answers that a minibatch can be sure to have.
    """
    sizes = config.grpo
    fewest = sizes.group_size if sizes.skip_flat_groups else sizes.answers_per_phase
    if fewest // sizes.n_minibatches < n_processes():
        raise BadInput(
            f"{fewest} answers in {sizes.n_minibatches} minibatches are too few for "
            f"{n_processes()} processes"
        )
