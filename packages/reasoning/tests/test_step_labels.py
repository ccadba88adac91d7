import math

import numpy as np
import pytest
import torch

from gpt.errors import BadInput
from gpt.policy.policy import Policy, share_layers_as
from reasoning.search.state import SearchState
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import moves_text
from reasoning.tasks.countdown import Puzzle, is_solvable, sample_solution
from reasoning.values.policy_value import policy_values
from reasoning.verifier import first_error, labels
from reasoning.verifier.attempts import Attempt, SampledAttempts, first_lost_step
from reasoning.verifier.data import label_rows
from reasoning.verifier.first_error import first_errors, search_first_errors
from reasoning.verifier.labels import StepLabels, label_steps

PUZZLE = Puzzle((4, 7, 9, 11), 24)
TEXTS = [
    "7 - 4 = 3 ; 11 * 3 = 33 ; 33 - 9 = 24 ;",
    "7 - 4 = 3 ; 9 * 3 = 27 ; 27 - 11 = 16 ;",
    "7 - 4 = 3 ; 11 * 3 = 34 ; 34 - 9 = 25 ;",
    "11 * 4 = 44 ; 44 - 9 = 35 ; 35 - 7 = 28 ;",
]
ATTEMPTS = [Attempt(PUZZLE, text) for text in TEXTS]


def finish_perfectly(model, beginnings, generator):
    """Finish attempts by winning moves, wherever the rules allow it; a stand-in for a model."""
    random, finished = np.random.default_rng(0), []
    for attempt in beginnings:
        state = SearchState(attempt.puzzle, attempt.moves)
        rest = Puzzle(state.numbers, attempt.puzzle.target)
        ending = moves_text(tuple(sample_solution(rest, random))) if is_solvable(rest) else "7"
        finished.append(Attempt(attempt.puzzle, f"{attempt.text} {ending}".strip()))
    return SampledAttempts(finished, 10 * len(beginnings))


@pytest.fixture
def perfect(monkeypatch):
    for module in (labels, first_error):
        monkeypatch.setattr(module, "finish_attempts", finish_perfectly)
    return load_start_model().model


def test_with_perfect_rollouts_the_label_of_a_step_is_v_star_after_it(perfect):
    found = label_steps(perfect, ATTEMPTS, 3, torch.Generator())
    assert [each.soft for each in found.labels] == [[1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0]]
    for attempt, each in zip(ATTEMPTS, found.labels, strict=True):
        lost = first_lost_step(attempt) or 4
        assert each.hard == [k < lost for k in (1, 2, 3)] and each.attempt == attempt
    # two open prefixes per attempt, but one of the third, whose second step is wrong
    assert found.n_tokens == 7 * 3 * 10


def test_no_rollouts_are_refused():
    with pytest.raises(BadInput, match="n_rollouts must be at least 1, got 0"):
        label_steps(load_start_model().model, ATTEMPTS, 0, torch.Generator())


def test_each_label_is_at_the_token_that_ends_its_step():
    row = StepLabels(ATTEMPTS[1], [0.5, 0.25, 0.0])
    #    24 : 4 7 9 11 think | 7 - 4 = 3 ; | 9 * 3 = 27 ; | 27 - 11 = 16 ;
    rows = label_rows([row, StepLabels(ATTEMPTS[0], [0.5, 0.75, 1.0])], "process")
    assert rows.mask.nonzero().tolist() == [[i, t] for i in (0, 1) for t in (6, 12, 18, 24)]
    assert rows.labels[rows.mask].tolist() == [0, 0.5, 0.25, 0, 1, 0.5, 0.75, 1]
    assert label_rows([row], "process", "hard").labels[0, 6::6].tolist() == [0, 1, 1, 0]
    rows = label_rows([row], "outcome")
    assert rows.mask.nonzero().tolist() == [[0, 24]] and rows.labels[0, 24] == 0


def test_monte_carlo_labels_approach_the_exact_value_like_one_over_the_root_of_n():
    model = load_start_model().model
    policy, states = share_layers_as(Policy, model), []
    for puzzle in (Puzzle((2, 3, 4, 6), 24), Puzzle((2, 4, 6, 8), 20)):
        for moves, value in policy_values(policy, puzzle).items():
            if len(moves) == 1 and 0.01 < value < 0.99:
                states.append((Attempt(puzzle, moves_text(moves)), value))
    values = np.array([value for _, value in states])
    noise = math.sqrt((values * (1 - values)).mean())  # of one rollout
    assert len(states) >= 20
    generator, sizes, errors = torch.Generator().manual_seed(0), (1, 4, 16, 64), []
    for n in sizes:
        repeats = max(1, 16 // n)  # estimates per state
        attempts = [attempt for attempt, _ in states for _ in range(repeats)]
        found = label_steps(model, attempts, n, generator).labels
        soft = np.array([each.soft[0] for each in found]).reshape(len(states), repeats)
        errors.append(math.sqrt(((soft - values[:, None]) ** 2).mean()))
        spread = 3 / math.sqrt(2 * soft.size)  # three standard errors of a root mean square
        assert errors[-1] == pytest.approx(noise / math.sqrt(n), rel=max(spread, 0.1))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("n_steps", range(1, 10))
def test_a_binary_search_names_every_first_error_with_log2_questions(n_steps):
    n_questions = [0] * n_steps

    def some_win(places):
        for attempt, _ in places:
            n_questions[attempt] += 1
        return [k < attempt + 1 for attempt, k in places]  # attempt i fails at step i + 1

    found = search_first_errors([n_steps] * n_steps, some_win)
    assert found == list(range(1, n_steps + 1))
    assert max(n_questions) <= math.ceil(math.log2(n_steps))


def test_with_perfect_rollouts_the_first_error_is_the_first_step_that_loses(perfect):
    found = first_errors(perfect, ATTEMPTS, 2, torch.Generator())
    assert found.steps == [None, 2, 2, 1] == [first_lost_step(each) for each in ATTEMPTS]
    # after step 1 of the three that lose, then after step 2 of the second; that of the third is
    # wrong, which needs no rollout
    assert found.n_rollouts == 2 * 4 and found.n_tokens == 10 * found.n_rollouts
