"""Rewards: the score of each answer, by the rules of countdown or by a function of your own.

A reward function gets texts: a prompt and the answers to it. Countdown's parses the answer that a
trace ends with and checks it by the rules, so a trace that only says `hit` gets 0.
"""

import importlib.util
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gpt.errors import BadInput
from gpt.policy.rollouts import Rollout
from gpt.text.tokenizers import decode
from reasoning.evaluation.answers import solves_puzzle
from reasoning.tasks.countdown import Puzzle
from reasoning.tasks.vocabulary import ANSWER, THINK, TOKENIZER

TextReward = Callable[[str, list[str]], Sequence[float]]
"""Returns one score per answer to a prompt; higher is better."""
RANDOM_SHARE = 0.3
"""Share of answers that the random reward calls right, about the start model's true share."""


def countdown_reward(prompt: str, answers: list[str]) -> list[float]:
    """Return 1 for each answer that solves the prompt's puzzle in at most four attempts, else 0."""
    puzzle = puzzle_of_prompt(prompt)
    return [float(solves_puzzle(puzzle, answer)) for answer in answers]


def puzzle_of_prompt(prompt: str) -> Puzzle:
    """Return the puzzle of a prompt such as `24 : 4 7 9 11 think`.

    Raises:
        BadInput: the prompt is not one of countdown.
    """
    match prompt.split():
        case [target, ":", *numbers, mode] if mode in (THINK, ANSWER) and numbers:
            if all(word.isdecimal() for word in (target, *numbers)):
                return Puzzle(tuple(map(int, numbers)), int(target))
    raise BadInput(
        f"the prompt {prompt!r} is not a puzzle of countdown such as '24 : 4 7 9 11 think'; "
        "score other tasks with --reward FILE.py"
    )


def random_reward(seed: int) -> TextReward:
    """Return a reward that ignores what the answers say: the control of every other reward.

    It depends on the seed and the texts only, so a resumed run gets the same scores.
    """

    def reward(prompt: str, answers: list[str]) -> list[float]:
        texts = zlib.crc32("\n".join([prompt, *answers]).encode())
        draws = np.random.default_rng([seed, texts]).random(len(answers))
        return (draws < RANDOM_SHARE).astype(float).tolist()

    return reward


def load_reward(path: Path) -> TextReward:
    """Run a Python file and return its function `reward(prompt, answers)`.

    Raises:
        BadInput: there is no such file, it fails, or it has no function of this name.
    """
    name = str(path)
    if not path.is_file():
        raise BadInput(f"there is no file {name!r} to read a reward from")
    spec = importlib.util.spec_from_file_location(f"reward_of_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadInput(f"a reward is a Python file, NAME.py; got {name!r}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadInput(f"{name!r} cannot be run: {type(error).__name__}: {error}") from error
    reward: TextReward | None = getattr(module, "reward", None)
    if not callable(reward):
        raise BadInput(f"{name!r} has no function reward(prompt, answers)")
    return reward


def checked_scores(reward: TextReward, prompt: str, answers: list[str]) -> list[float]:
    """Return the scores of the answers to a prompt.

    Raises:
        BadInput: the function fails, or does not return one finite number per answer.
    """
    try:
        found = reward(prompt, answers)
        scores = [float(score) for score in found]
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(
            f"the reward of the prompt {prompt!r} failed: {type(error).__name__}: {error}"
        ) from error
    if len(scores) != len(answers):
        raise BadInput(f"the reward returned {len(scores)} scores for {len(answers)} answers")
    for score, answer in zip(scores, answers, strict=True):
        if not math.isfinite(score):
            raise BadInput(f"the reward of the answer {answer!r} is {score}, not a finite number")
    return scores


def score_rollout(reward: TextReward, group_size: int) -> Callable[[Rollout], Float[Tensor, " B"]]:
    """Return a function that scores the groups of a rollout as texts."""

    def score(answers: Rollout) -> Float[Tensor, " B"]:
        pairs = answers.prompts_and_answers()
        scores: list[float] = []
        for begin in range(0, len(pairs), group_size):
            group = pairs[begin : begin + group_size]
            texts = [decode(TOKENIZER, answer).strip() for _, answer in group]
            scores += checked_scores(reward, decode(TOKENIZER, group[0][0]).strip(), texts)
        return torch.tensor(scores, device=answers.stopped.device)

    return score
