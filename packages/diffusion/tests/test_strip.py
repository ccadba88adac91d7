import numpy as np
import pytest
import torch

from diffusion.display.strip import trajectory_strip
from gpt.errors import BadInput


def test_columns_run_from_the_first_time_to_the_last_and_rows_are_samples():
    # sample b at step t is one grey level: 100 b + 10 t
    levels = torch.tensor([[0.0, 100], [10, 110], [20, 120], [30, 130], [40, 140]])
    path = (levels / 127.5 - 1)[..., None, None, None].expand(-1, -1, 1, 8, 8)
    drawn = np.asarray(trajectory_strip(path, [1.0, 0.75, 0.5, 0.25, 0.0], n_columns=3))
    left = (drawn.shape[1] - 3 * 68) + 32
    bottom = drawn.shape[0] - 4 - 32
    rows = [[int(drawn[y, left + 68 * x, 0]) for x in range(3)] for y in (bottom - 68, bottom)]
    assert rows == [[0, 20, 40], [100, 120, 140]]


def test_few_times_are_all_drawn():
    few = trajectory_strip(torch.zeros(2, 1, 1, 8, 8), [1.0, 0.0])
    assert few.width == 4 + 2 * 68


@pytest.mark.parametrize(
    ("n_steps", "times", "n_columns", "message"),
    [
        (3, [1.0, 0.0], 9, "got 3 steps, 2 times and 9 columns"),
        (1, [1.0], 9, "got 1 steps, 1 times and 9 columns"),
        (2, [1.0, 0.0], 1, "got 2 steps, 2 times and 1 columns"),
    ],
)
def test_a_strip_needs_two_times(n_steps, times, n_columns, message):
    with pytest.raises(BadInput, match=message):
        trajectory_strip(torch.zeros(n_steps, 1, 1, 8, 8), times, n_columns)


def test_a_diverged_path_is_refused():
    with pytest.raises(BadInput, match="NaN or infinite"):
        trajectory_strip(torch.full((2, 1, 1, 8, 8), torch.inf), [1.0, 0.0])
