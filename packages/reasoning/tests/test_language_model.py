"""The model of the package as a policy, against its own log-probabilities and exact values."""

import math

import pytest
import torch

from gpt.policy.policy import Policy, share_layers_as
from reasoning.search.cost import Meter
from reasoning.search.evaluators import SequenceChance
from reasoning.search.language_model import LanguageModel, parse_moves, reading_cost
from reasoning.search.own_verdict import OwnVerdict
from reasoning.search.proposals import LikeliestMoves
from reasoning.search.state import SearchState
from reasoning.start.shipped import load_start_model
from reasoning.start.traces import countdown_prompt
from reasoning.tasks.countdown import Move, Puzzle, legal_moves
from reasoning.tasks.vocabulary import HIT, MISS, TOKENIZER
from reasoning.values.policy_value import policy_values

PUZZLE = Puzzle((4, 5, 7, 9), 24)
ROOT = SearchState(PUZZLE)
FIRST = ROOT.child(Move(7, "*", 4, 28))
STUCK = SearchState(Puzzle((150, 150), 24))


@pytest.fixture
def language_model():
    generator = torch.Generator().manual_seed(0)
    return LanguageModel(load_start_model().model, generator, Meter())


def test_chances_are_the_likelihoods_of_the_words_of_a_move(language_model):
    policy = share_layers_as(Policy, language_model.model)
    [chances] = language_model.move_chances([FIRST])
    prompt = TOKENIZER.encode(f"{countdown_prompt(PUZZLE)} 7 * 4 = 28 ;")
    likelihoods = {}
    for move in legal_moves(FIRST.numbers):
        words = TOKENIZER.encode("{} {} {}".format(*move))
        mask = torch.tensor([[False] * len(prompt) + [True] * 3])
        logprobs = policy(torch.tensor([prompt + words]), mask)
        likelihoods[move] = math.exp(float(logprobs.detach().sum()))
    assert 0.5 < sum(likelihoods.values()) < 1  # the rest goes to moves that are not legal
    total = sum(likelihoods.values())
    assert chances == pytest.approx(
        {move: each / total for move, each in likelihoods.items()}, rel=1e-4
    )


def test_states_of_different_puzzles_are_read_in_one_batch(language_model):
    other = SearchState(Puzzle((2, 3, 11), 40))
    end = SearchState(Puzzle((2, 3), 6), (Move(3, "*", 2, 6),))
    states = [ROOT, end, other, FIRST, STUCK, ROOT]
    together = language_model.move_chances(states)
    for state, chances in zip(states, together, strict=True):
        [alone] = language_model.read_chances([state])
        assert chances == pytest.approx(alone, rel=1e-4)
        assert set(chances) == set(legal_moves(state.numbers))
    sums = [sum(chances.values()) for chances in together]
    assert sums == pytest.approx([1, 0, 1, 1, 0, 1])


def test_moves_are_sampled_as_often_as_their_chances_say(language_model):
    n = 2_000
    [moves] = language_model.sample_moves([ROOT], n)
    [chances] = language_model.move_chances([ROOT])
    assert set(moves) <= set(legal_moves(PUZZLE.numbers))
    assert language_model.n_sampled == n
    assert language_model.n_dropped == n - len(moves)
    assert 0 < language_model.n_dropped < 0.3 * n
    for move in sorted(chances, key=lambda move: -chances[move])[:5]:
        error = math.sqrt(chances[move] / len(moves))
        # a dropped result favours moves whose sums the model knows, by little
        assert moves.count(move) / len(moves) == pytest.approx(chances[move], abs=4 * error)


def test_endings_win_as_often_as_the_exact_value_says(language_model):
    n = 2_000
    policy = share_layers_as(Policy, language_model.model)
    value = policy_values(policy, PUZZLE)[FIRST.moves]
    [endings] = language_model.sample_endings([FIRST], n)
    wins = sum(SearchState(PUZZLE, (*FIRST.moves, *moves)).is_won for moves in endings)
    assert abs(wins / n - value) < 3 * math.sqrt(value * (1 - value) / n)
    assert language_model.n_dropped == n - len(endings) > 0


def test_a_state_without_moves_is_not_read(language_model):
    end = SearchState(Puzzle((2, 3), 6), (Move(3, "*", 2, 6),))
    assert language_model.sample_endings([end, STUCK], 2) == [[(), ()], []]
    assert language_model.move_chances([end, STUCK]) == [{}, {}]
    assert language_model.meter.cost(end.puzzle) == Meter().cost(end.puzzle)
    assert language_model.n_sampled == 0


def test_endings_of_states_at_different_depths(language_model):
    late = FIRST.child(Move(9, "-", 5, 4))
    for state, endings in zip(
        (late, ROOT), language_model.sample_endings([late, ROOT], 20), strict=True
    ):
        assert len(endings) > 5
        for moves in endings:
            assert SearchState(PUZZLE, (*state.moves, *moves)).is_terminal


def test_generated_tokens_are_counted_per_puzzle(language_model):
    other = SearchState(Puzzle((2, 3, 11), 40))
    [moves, _] = language_model.sample_moves([ROOT, other], 50)
    generated = language_model.meter.generated
    assert 6 * len(moves) <= generated[PUZZLE] <= 6 * 50  # `7 + 4 = 11 ;`
    before = generated[other.puzzle]
    [endings] = language_model.sample_endings([other], 10)
    assert 13 * len(endings) <= generated[other.puzzle] - before <= 130  # two moves, a verdict


def test_read_tokens_by_hand(language_model):
    # 9 7 5 * with + - *, and 4 is never the larger number: 3 first numbers, 9 pairs
    assert reading_cost(ROOT) == 3 + 9
    # 28 with + and - (28 * 5 = 140 fits, 28 * 9 does not), 9 with + - *, and `4 = 28 ;`
    assert reading_cost(FIRST) == 2 + 6 + 4
    language_model.move_chances([ROOT, FIRST, FIRST])
    assert language_model.meter.cost(PUZZLE, 7).read == 12 + 12
    assert language_model.meter.cost(PUZZLE, 7).evaluated == 7


def test_a_state_is_read_once_for_its_proposals_and_for_the_values_after_it(language_model):
    [moves] = LikeliestMoves(language_model).sample_moves([ROOT], 8)
    values = SequenceChance(language_model)([ROOT.child(move) for move in moves])
    [chances] = language_model.move_chances([ROOT])
    assert values == [chances[move] for move in moves] and len(set(values)) > 1
    assert language_model.meter.read[PUZZLE] == reading_cost(ROOT) == 12


def test_the_model_tells_a_hit_from_a_miss(language_model):
    late = FIRST.child(Move(9, "-", 5, 4))
    ends = [late.child(move) for move in legal_moves(late.numbers)]
    value = OwnVerdict(language_model)
    by_result = {
        state.moves[-1].result: value for state, value in zip(ends, value(ends), strict=True)
    }
    assert by_result[24] > 0.9  # 28 - 4
    assert all(value < 0.1 for result, value in by_result.items() if result != 24)
    chances = SequenceChance(language_model)([ROOT, FIRST])
    assert value([ROOT, FIRST]) == pytest.approx(chances, rel=1e-4)
    words = TOKENIZER.encode(f"{countdown_prompt(PUZZLE)} 7 * 4 = 28 ; 9 - 5 = 4 ; 28 - 4 = 24 ;")
    logits = language_model.model(torch.tensor([words]))[0, -1]
    hit, miss = (float(logits[TOKENIZER.ids[word]].detach().exp()) for word in (HIT, MISS))
    assert by_result[24] == pytest.approx(hit / (hit + miss), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "n_moves"),
    [
        ("7 * 4 = 28 ;", 1),
        ("7 * 4 = 28 ; 9 - 5 = 4 ; 28 - 4 = 24 ;", 3),
        ("", 0),
        ("7 * 4 = 27 ;", None),  # a wrong result
        ("4 * 7 = 28 ;", None),  # traces have the larger number first
        ("4 - 7 = 3 ;", None),
        ("8 * 4 = 32 ;", None),  # there is no 8
        ("7 * 4 = 28 ; 7 - 5 = 2 ;", None),  # 7 is used up
        ("7 * 4 = 28", None),
        ("7 * 4 28 = ;", None),
        ("7 * 4 = 28 ; 9 -", None),
        ("7 * 4 = 28 miss", None),
        ("7 ^ 4 = 28 ;", None),
        ("= ; : ( ) +", None),
    ],
)
def test_only_legal_moves_with_right_results_are_parsed(text, n_moves):
    moves = parse_moves(PUZZLE.numbers, text.split())
    assert (None if moves is None else len(moves)) == n_moves
