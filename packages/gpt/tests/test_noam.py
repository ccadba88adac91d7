import math

import pytest

from gpt.errors import BadInput
from gpt.training.noam import NoamLoopConfig, noam_rate


def test_the_rates_of_nine_steps_by_hand():
    # width 4 halves everything; warm-up 4: n / 8 up to n = 4, and then 1 / sqrt(n)
    rates = [noam_rate(step, d_model=4, warmup=4) for step in range(9)]
    assert rates == pytest.approx(
        [n / 16 for n in (1, 2, 3, 4)] + [0.5 / math.sqrt(n) for n in (5, 6, 7, 8)] + [1 / 6]
    )


def test_the_base_model_of_the_paper_peaks_at_seven_ten_thousandths():
    # 1 / sqrt(512 x 4000)
    peak = noam_rate(3999, d_model=512, warmup=4000)
    assert peak == pytest.approx(6.9877e-4, rel=1e-4)
    assert max(noam_rate(step, 512, 4000) for step in (3998, 4000)) < peak


def test_the_factor_of_a_loop_is_1_at_its_peak_and_a_third_at_nine_times_the_warm_up():
    config = NoamLoopConfig(steps=90, warmup_ratio=0.1)
    factors = [config.schedule_factor(step) for step in range(90)]
    assert factors[:9] == pytest.approx([(step + 1) / 9 for step in range(9)])
    assert factors[35] == pytest.approx(1 / 2)
    assert factors[80] == pytest.approx(1 / 3)
    assert max(factors) == factors[8]


@pytest.mark.parametrize(("d_model", "warmup"), [(512, 0), (512, -1), (0, 10)])
def test_a_warm_up_or_width_below_1_is_refused(d_model, warmup):
    with pytest.raises(BadInput, match=r"must be at least 1, got (0|-1)"):
        noam_rate(5, d_model, warmup)


def test_a_loop_without_warm_up_is_refused():
    with pytest.raises(BadInput, match="needs a warm-up"):
        NoamLoopConfig(warmup_ratio=0.0)
