import math

import pytest
import torch

from gpt.policy.policy import Policy, share_layers_as
from reasoning.evaluation.sampling import sample_texts
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import attempt_words, countdown_prompt, moves_text
from reasoning.tasks.countdown import Move, Puzzle, legal_moves
from reasoning.tasks.exact import count_sequences
from reasoning.tasks.vocabulary import TOKENIZER
from reasoning.values.policy_value import move_sequences, policy_values

PUZZLE = Puzzle((4, 5, 7, 9), 24)


@pytest.fixture(scope="module")
def policy():
    return share_layers_as(Policy, load_start_model().model)


def test_sequences_are_all_different_and_written_as_in_traces():
    sequences = list(move_sequences(PUZZLE.numbers))
    assert len(set(sequences)) == len(sequences) == count_sequences(PUZZLE.numbers)
    words = [word for word, _ in attempt_words(sequences[0], 24)]
    assert moves_text(sequences[0]).split() == words[:-1]


def test_the_value_of_a_state_is_the_mean_of_those_after_it(policy):
    values = policy_values(policy, PUZZLE)
    prompt = TOKENIZER.encode(countdown_prompt(PUZZLE))
    total = 0.0
    for move in legal_moves(PUZZLE.numbers):
        answer = TOKENIZER.encode(moves_text((move,)))
        tokens = torch.tensor([prompt + answer])
        mask = torch.tensor([[False] * len(prompt) + [True] * len(answer)])
        total += math.exp(float(policy(tokens, mask).detach().sum())) * values[(move,)]
    assert values[()] == pytest.approx(total, rel=1e-4)
    assert all(0 <= value <= 1 + 1e-9 for value in values.values())
    assert {values[each] for each in move_sequences(PUZZLE.numbers)} == {0.0, 1.0}


def test_samples_win_as_often_as_the_value_says(policy):
    n = 4_000
    generator = torch.Generator().manual_seed(0)
    prompt = countdown_prompt(PUZZLE)
    [texts] = sample_texts(policy, [prompt], n, 1.0, 18, generator)
    winning = {moves_text(each) for each in move_sequences(PUZZLE.numbers) if each[-1].result == 24}
    share = sum(text in winning for text in texts) / n
    values = policy_values(policy, PUZZLE)
    value = values[()]
    assert values[(Move(7, "*", 4, 28),)] == pytest.approx(0.430, abs=0.005)  # so does this one
    assert value == pytest.approx(0.110, abs=0.005)  # as the README says
    assert abs(share - value) < 3 * math.sqrt(value * (1 - value) / n)
