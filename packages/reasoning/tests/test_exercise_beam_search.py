"""The check of `beam_search` refuses common mistakes."""

import pytest

from reasoning.exercises.check_beam_search import check
from reasoning.exercises.solutions.beam_search import beam_search


def ordered(states, values):
    return sorted(states, key=lambda state: -values[state])


def search(root, children, values, select):
    level = [root]
    while level[0] in children:
        level = select([children[state] for state in level])
    return ordered(level, values)[0]


def breadth_per_parent(root, children, values, breadth):
    def best_of_each(rows):
        return [child for row in rows for child in ordered(row, values)[:breadth]]

    return search(root, children, values, best_of_each)


def no_pruning(root, children, values, breadth):
    return beam_search(root, children, values, 99)


def always_greedy(root, children, values, breadth):
    return beam_search(root, children, values, 1)


def keeps_the_worst(root, children, values, breadth):
    return beam_search(root, children, {state: -value for state, value in values.items()}, breadth)


def keeps_the_first(root, children, values, breadth):
    def first(rows):
        return [child for row in rows for child in row][:breadth]

    return search(root, children, values, first)


def the_best_state_of_any_level(root, children, values, breadth):
    best, level = None, [root]
    while level[0] in children:
        level = ordered([child for state in level for child in children[state]], values)[:breadth]
        best = max([level[0], *([best] if best else [])], key=lambda state: values[state])
    return best or root


def no_search_of_a_complete_state(root, children, values, breadth):
    return beam_search(root, children, values, breadth) if root in children else None


WRONG = [
    breadth_per_parent,
    no_pruning,
    always_greedy,
    keeps_the_worst,
    keeps_the_first,
    the_best_state_of_any_level,
    no_search_of_a_complete_state,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_refuses_a_common_mistake(wrong):
    with pytest.raises(AssertionError):
        check(wrong)
