import pytest
import torch

from gpt.errors import BadInput
from gpt.policy.rows import (
    EpochSampler,
    Example,
    pad_examples,
    prompt_answer_example,
    split_into_batches,
)


def test_only_the_answer_counts():
    assert prompt_answer_example([5, 6], [7, 8]) == Example(
        [5, 6, 7, 8], [False, False, True, True]
    )


def test_padding_by_hand():
    rows = pad_examples([prompt_answer_example([5, 6], [7, 8]), prompt_answer_example([1], [2])])
    assert rows.tokens.tolist() == [[5, 6, 7, 8], [1, 2, 0, 0]]
    assert rows.mask.int().tolist() == [[0, 0, 1, 1], [0, 1, 0, 0]]
    assert rows.lengths.tolist() == [4, 2]


def test_selected_rows_have_no_column_that_is_padding_in_all_of_them():
    examples = [prompt_answer_example(*each) for each in (([1], [2]), ([5, 6], [7, 8]), ([3], [4]))]
    rows = pad_examples(examples).select_rows([2, 0])
    assert rows.tokens.tolist() == [[3, 4], [1, 2]]
    assert rows.mask.tolist() == [[False, True]] * 2
    assert rows.lengths.tolist() == [2, 2]


@pytest.mark.parametrize("example", [Example([1, 2], [False, False]), Example([1], [True])])
def test_a_row_without_a_token_that_counts_is_refused(example):
    with pytest.raises(BadInput, match="example 1 of the batch has . tokens and none that counts"):
        pad_examples([prompt_answer_example([1], [2]), example])


def test_an_epoch_has_every_row_once_and_depends_on_the_step_only():
    epochs = EpochSampler(n_rows=7, batch_size=3, seed=1)
    seen = [row for step in range(7) for row in epochs(step)]  # three epochs
    assert [sorted(seen[begin : begin + 7]) for begin in (0, 7, 14)] == [list(range(7))] * 3
    assert seen[:7] != seen[7:14]
    assert EpochSampler(7, 3, 1)(5) == epochs(5)
    assert EpochSampler(7, 3, 2)(0) != epochs(0)
    with pytest.raises(BadInput, match="no rows"):
        EpochSampler(0, 3, 1)


def test_padding_may_be_any_token():
    rows = pad_examples(
        [prompt_answer_example([1], [2]), prompt_answer_example([1, 2], [3])], padding=9
    )
    assert torch.equal(rows.tokens, torch.tensor([[1, 2, 9], [1, 2, 3]]))


def test_empty_batches_are_refused():
    with pytest.raises(BadInput, match="no examples"):
        pad_examples([])
    for size in (0, -1):
        with pytest.raises(BadInput, match=f"at least 1 row, got {size}"):
            split_into_batches([1, 2, 3], size)
