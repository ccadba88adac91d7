import pytest
import torch

from gpt.training.config import warmup_cosine


def test_ten_steps_by_hand():
    # 2 steps of warm-up to the peak 1, then 8 steps along half a cosine from 1 to .1
    rates = [warmup_cosine(step, 10, 2, 1.0, 0.1) for step in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[-1] == pytest.approx(0.1)
    assert rates[5] == pytest.approx(0.1 + 0.9 * (1 + 0.2225209) / 2)  # cos(3 pi / 7)
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_it_agrees_with_torch():
    parameter = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=99, eta_min=3e-4)
    for step in range(100):
        assert warmup_cosine(step, 100, 0, 3e-3, 3e-4) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def test_runs_of_one_and_two_steps_have_a_rate():
    assert warmup_cosine(0, 1, 0, 1.0, 0.1) == 1.0
    assert [warmup_cosine(step, 2, 0, 1.0, 0.1) for step in (0, 1)] == [1.0, pytest.approx(0.1)]
