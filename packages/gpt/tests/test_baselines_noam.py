import pytest
import torch

from gpt.training.noam import NoamLoopConfig

optimization = pytest.importorskip(
    "transformers.optimization", reason="baselines: needs the extra baselines"
)


@pytest.mark.baselines
def test_the_schedule_is_the_inverse_square_root_schedule_of_transformers():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
    schedule = optimization.get_inverse_sqrt_schedule(optimizer, num_warmup_steps=20)
    ours = NoamLoopConfig(steps=200, warmup_ratio=0.1)
    for step in range(100):
        optimizer.step()
        schedule.step()  # theirs counts from 0 and starts with a rate of 0
        assert ours.schedule_factor(step) == pytest.approx(schedule.get_last_lr()[0])
