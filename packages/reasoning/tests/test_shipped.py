"""The model of the package, sampled on a few held-out problems, keeps what its gate promised."""

import json
from itertools import islice

import numpy as np
import pytest
import torch

from gpt.policy.loss import sft_loss
from gpt.policy.policy import Policy
from gpt.training.loop import LoopConfig, train
from reasoning.evaluation.answers import solves_chain, solves_puzzle
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.data import Tasks, training_batches
from reasoning.start.gate import fresh_chains, held_out_puzzles
from reasoning.start.run import StartConfig
from reasoning.start.shipped import SHIPPED, load_start_model
from reasoning.start.traces import chain_prompt, countdown_prompt
from reasoning.tasks.vocabulary import ANSWER


@pytest.fixture(scope="module")
def start():
    return load_start_model()


@pytest.fixture(scope="module")
def tasks(start):
    return Tasks.load(start.recipe["chain_operand"], start.recipe["chain_operations"])


def texts(model, prompts):
    return sample_texts(model, prompts, 8, 1.0, 110, torch.Generator().manual_seed(1))


def test_it_is_small_and_comes_with_its_recipe_and_its_log(start):
    assert SHIPPED.stat().st_size < 4_000_000
    log = [json.loads(line) for line in SHIPPED.with_suffix(".jsonl").read_text().splitlines()]
    assert len(log) == start.recipe["loop"]["steps"] and start.recipe["loop"]["seed"] == 0
    assert 0.2 <= start.report.countdown.pass_at_1 <= 0.45


def test_its_recipe_gives_the_losses_of_its_log(start, tasks):
    lines = SHIPPED.with_suffix(".jsonl").read_text().splitlines()
    log = [json.loads(line)["loss"] for line in lines[:3]]
    recipe = start.recipe
    config = StartConfig(LoopConfig(**recipe["loop"]), d_model=recipe["d_model"])
    assert config == StartConfig()  # the defaults are the recipe
    torch.manual_seed(config.loop.seed)
    policy, cpu = Policy(config.model_config()), torch.device("cpu")
    batches = training_batches(tasks, recipe["batch_size"], recipe["micro_batch_size"], 0, cpu)
    losses = [record.loss for record in islice(train(policy, batches, sft_loss, config.loop), 3)]
    assert losses == pytest.approx(log, abs=1e-3)


def test_countdown_is_solved_as_often_as_it_says(start, tasks):
    puzzles = held_out_puzzles(tasks, 60, seed=7)
    samples = texts(start.model, [countdown_prompt(puzzle) for puzzle in puzzles])
    right = np.array(
        [
            [solves_puzzle(puzzle, text) for text in row]
            for puzzle, row in zip(puzzles, samples, strict=True)
        ]
    )
    assert right.mean() == pytest.approx(start.report.countdown.pass_at_1, abs=0.09)


def test_a_chain_with_its_steps_beats_the_answer_at_once(start, tasks):
    chains = fresh_chains(tasks, 40, seed=7)
    rates = [
        np.mean(
            [
                solves_chain(chain, text)
                for chain, row in zip(chains, texts(start.model, prompts), strict=True)
                for text in row
            ]
        )
        for prompts in (
            [chain_prompt(chain) for chain in chains],
            [chain_prompt(chain, ANSWER) for chain in chains],
        )
    ]
    assert rates[0] > 0.6 and rates[0] > rates[1] + 0.4
