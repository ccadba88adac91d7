"""Beam search next to exhaustive enumeration, on models that are tables of probabilities."""

from functools import partial
from itertools import product

import pytest
import torch

from gpt.architectures.beam_search import beam_search, no_length_penalty, wu_length_penalty
from gpt.architectures.decoding import greedy_decode
from gpt.errors import BadInput

BEGIN, END, A, B = range(4)


class TableModel:
    """A `NextTokenModel` whose next token depends on the last one only, by a table."""

    def __init__(self, table):
        self.logprobs = torch.as_tensor(table).log()

    def next_logprobs(self, tokens):
        return self.logprobs[tokens]

    def select_rows(self, rows):
        """Nothing to select: there is no memory."""


# the most likely first token, A, leads to texts of probability .3; B leads to one of .36
TRAP = [[0.0, 0.0, 0.6, 0.4], [0.0, 1.0, 0.0, 0.0], [0.0, 0.5, 0.25, 0.25], [0.0, 0.9, 0.1, 0.0]]


def test_greedy_decoding_misses_the_best_text_and_two_beams_find_it():
    assert greedy_decode(TableModel(TRAP), 1, BEGIN, END, 4) == [[A]]
    best, second = beam_search(TableModel(TRAP), BEGIN, END, n_beams=2, max_new_tokens=4)
    assert best.tokens == [B, END] and second.tokens == [A, END]
    probabilities = torch.tensor([best.logprob, second.logprob]).exp()
    torch.testing.assert_close(probabilities, torch.tensor([0.36, 0.3]))


def test_one_beam_without_a_penalty_is_greedy_decoding():
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        table = torch.rand(6, 6, generator=generator).softmax(dim=-1)
        (only,) = beam_search(TableModel(table), BEGIN, END, 1, 7)
        (greedy,) = greedy_decode(TableModel(table), 1, BEGIN, END, 7)
        assert [token for token in only.tokens if token != END] == greedy


def all_texts(table, max_new_tokens):
    """Yield every text that ends, or that is cut off at the limit, with its log-probability."""
    logprobs = torch.as_tensor(table).log()
    for length in range(1, max_new_tokens + 1):
        for text in product(range(len(logprobs)), repeat=length):
            cut = length == max_new_tokens
            if END in text[:-1] or not (text[-1] == END or cut):
                continue
            total = sum(logprobs[a, b] for a, b in zip((BEGIN, *text), text, strict=False))
            yield list(text), float(total)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_with_enough_beams_the_search_is_exhaustive_and_its_scores_are_exact(alpha):
    generator, penalty = torch.Generator().manual_seed(0), partial(wu_length_penalty, alpha=alpha)
    for _ in range(5):
        table = torch.randn(4, 4, generator=generator).softmax(dim=-1)
        found = beam_search(TableModel(table), BEGIN, END, 81, 4, penalty)
        scores = {tuple(text): total / penalty(len(text)) for text, total in all_texts(table, 4)}
        assert len(scores) == 1 + 3 + 9 + 27 * 4
        # by score, since texts with the same transitions in another order tie
        best = torch.tensor(sorted(scores.values(), reverse=True)[: len(found)])
        assert len(found) == 81
        torch.testing.assert_close(torch.tensor([each.score for each in found]), best)
        expected = torch.tensor([scores[tuple(each.tokens)] for each in found])
        torch.testing.assert_close(expected, best)


def test_more_beams_never_find_a_worse_text_here():
    generator, found = torch.Generator().manual_seed(3), {1: 0.0, 2: 0.0, 4: 0.0, 16: 0.0}
    for _ in range(20):
        table = torch.randn(5, 5, generator=generator).softmax(dim=-1)
        for n_beams in found:
            found[n_beams] += beam_search(TableModel(table), BEGIN, END, n_beams, 6)[0].logprob
    assert found[1] < found[2] <= found[4] <= found[16]


def test_the_length_penalty_by_hand():
    assert [wu_length_penalty(n, alpha=1.0) for n in (1, 4, 7)] == [1, 1.5, 2]
    assert wu_length_penalty(19, alpha=0.5) == 2
    assert no_length_penalty(9) == wu_length_penalty(9, alpha=0.0) == 1


def test_a_length_penalty_makes_a_longer_text_win():
    """`end` has .3, `A end` .28, `A A end` .168, and `A A A`, which is cut off, .252."""
    model = TableModel([[0, 0.3, 0.7, 0], [0, 1, 0, 0], [0, 0.4, 0.6, 0], [0, 1, 0, 0]])
    plain = beam_search(model, BEGIN, END, 4, 3)
    assert [each.tokens for each in plain] == [[END], [A, END], [A, A, A], [A, A, END]]
    penalised = beam_search(model, BEGIN, END, 4, 3, partial(wu_length_penalty, alpha=1.0))
    assert [each.tokens for each in penalised] == [[A, A, A], [A, END], [END], [A, A, END]]
    logs = torch.tensor([0.252, 0.28, 0.3, 0.168]).log()
    expected = logs * torch.tensor([6 / 8, 6 / 7, 6 / 6, 6 / 8])
    torch.testing.assert_close(torch.tensor([each.score for each in penalised]), expected)


def test_the_search_goes_on_while_a_longer_text_may_still_win():
    """One beam: `end` has .5 and `A end` .45; divided by 1 and 7/6, `A end` wins, -.684 to -.693.

    So the beam must survive that the most likely token ends, and the search must not stop there.
    """
    model = TableModel([[0, 0.5, 0.45, 0.05], [0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    (best,) = beam_search(model, BEGIN, END, 1, 4, partial(wu_length_penalty, alpha=1.0))
    assert best.tokens == [A, END]
    torch.testing.assert_close(torch.tensor(best.score), torch.tensor(0.45).log() * 6 / 7)


def test_a_finished_text_is_never_continued():
    found = beam_search(TableModel(TRAP), BEGIN, END, n_beams=3, max_new_tokens=4)
    assert len(found) == 3
    assert all(each.tokens.index(END) == len(each.tokens) - 1 for each in found)


def test_impossible_texts_are_never_returned():
    certain = torch.eye(4)[[A, END, END, END]]  # A follows the beginning, then the text ends
    found = beam_search(TableModel(certain), BEGIN, END, n_beams=4, max_new_tokens=5)
    assert [(each.tokens, each.score) for each in found] == [([A, END], 0.0)]


@pytest.mark.parametrize(("n_beams", "n_tokens"), [(0, 5), (-1, 5), (2, 0)])
def test_a_search_without_beams_or_tokens_is_refused(n_beams, n_tokens):
    with pytest.raises(BadInput, match=f"got n_beams={n_beams} and max_new_tokens={n_tokens}"):
        beam_search(TableModel(TRAP), BEGIN, END, n_beams, n_tokens)
