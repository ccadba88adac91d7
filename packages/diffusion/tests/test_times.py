"""Times of training and of sampling."""

import pytest
import torch

from diffusion.flow.times import (
    logit_normal_density,
    logit_normal_times,
    sampling_times,
    shift_times,
    uniform_times,
)
from gpt.errors import BadInput


def test_a_sampler_starts_at_the_noise_and_ends_at_the_data():
    assert sampling_times(4).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_the_shift_is_applied_once():
    # 3 x 0.5 / (1 + 2 x 0.5) = 0.75; a second shift would give 0.9
    assert sampling_times(2, shift=3.0).tolist() == [1.0, 0.75, 0.0]


def test_shifts_of_one_half_worked_by_hand():
    half = torch.tensor([0.5], dtype=torch.float64)
    assert [shift_times(half, shift).item() for shift in (1.0, 3.0, 7.0)] == [0.5, 0.75, 0.875]


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
def test_both_ends_stay_where_they_are(shift):
    assert shift_times(torch.tensor([0.0, 1.0]), shift).tolist() == [0.0, 1.0]


def test_a_shift_is_undone_by_its_inverse():
    t = torch.rand(100, dtype=torch.float64)
    torch.testing.assert_close(shift_times(shift_times(t, 3.0), 1 / 3), t)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.8, 0.8)])
def test_the_density_of_logit_normal_times_integrates_to_1(mean, std):
    t = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    assert logit_normal_density(t, mean, std).mean().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.8, 0.8)])
def test_logit_normal_times_follow_their_density(mean, std):
    drawn = logit_normal_times(100_000, torch.Generator().manual_seed(0), mean, std)
    counted = torch.histc(drawn, bins=10, min=0, max=1) / len(drawn)
    t = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    expected = logit_normal_density(t, mean, std).view(10, -1).mean(dim=1) / 10
    torch.testing.assert_close(counted.double(), expected, atol=0.005, rtol=0)


def test_uniform_times_have_a_tenth_in_each_tenth():
    drawn = uniform_times(100_000, torch.Generator().manual_seed(0))
    counted = torch.histc(drawn, bins=10, min=0, max=1) / len(drawn)
    torch.testing.assert_close(counted, torch.full((10,), 0.1), atol=0.005, rtol=0)


@pytest.mark.parametrize(
    ("steps", "shift", "message"),
    [
        (0, 1.0, "steps must be at least 1, got 0"),
        (4, 0.0, "shift must be a positive number, got 0.0"),
        (4, float("nan"), "shift must be a positive number, got nan"),
    ],
)
def test_impossible_schedules_are_refused(steps, shift, message):
    with pytest.raises(BadInput, match=message):
        sampling_times(steps, shift)
