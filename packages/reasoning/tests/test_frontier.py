import pytest

from gpt.errors import BadInput
from reasoning.table.frontier import frontier, token_price
from reasoning.table.report import RowRate


def rate(right, generated, read=0.0):
    return RowRate(right, right, right, [right], float(generated), float(read), 0.0)


RATES = {
    "one trace": rate(0.3, 80),
    "one trace, greedy": rate(0.2, 80),
    "vote of 8": rate(0.7, 640),
    "vote of 32": rate(0.7, 2560),  # no better than 8
    "best of 8, process": rate(0.75, 640, 80),
    "MCTS, process": rate(0.9, 0, 700),
    "MCTS, process, end test": rate(0.95, 0, 300),
}


def test_a_point_costs_the_tokens_between_two_rows():
    assert token_price(RATES["vote of 8"], RATES["one trace"]) == pytest.approx(560 / 40)
    # reading costs as much as generating
    assert token_price(RATES["MCTS, process"], RATES["one trace"]) == pytest.approx(620 / 60)
    with pytest.raises(BadInput, match="right more often"):
        token_price(RATES["one trace"], RATES["one trace"])


def test_the_frontier_has_the_rows_that_nothing_allowed_beats_at_their_cost():
    assert frontier(RATES, "m") == ["one trace", "vote of 8"]
    assert frontier(RATES, "m v") == ["one trace", "vote of 8", "best of 8, process"]
    assert frontier(RATES, "m v r") == ["one trace", "vote of 8", "MCTS, process"]
    assert frontier(RATES, "m v r e") == ["one trace", "MCTS, process, end test"]
    assert frontier(RATES, "v") == []
