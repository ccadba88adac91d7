import pytest

from gpt.plots import RateCurve, loss_chart, save_loss_plot, save_rates_plot


def test_four_steps_in_two_rows_by_hand():
    # from 3 down to 1 in two rows of eight eighths: 16, 8, 4 and 0, which is drawn as one eighth
    assert loss_chart([3.0, 2.0, 1.5, 1.0], height=2).splitlines() == [
        "  3.00 │█   ",
        "  1.00 │██▄▁",
        "       └────",
        "  step  1  4",
    ]


def test_more_steps_than_columns_are_averaged():
    rows = loss_chart([float(n) for n in range(1000, 0, -1)], width=10, height=3).splitlines()
    assert all(len(row) == 18 for row in rows[:3])
    assert rows[0].startswith("950.50")
    assert rows[-1].endswith("1000")


@pytest.mark.parametrize("losses", [[2.0], [2.0, 2.0, 2.0]])
def test_a_single_step_or_a_flat_curve_can_be_drawn(losses):
    assert "2.00" in loss_chart(losses)


def test_the_plot_is_a_picture_with_every_line(tmp_path):
    records = [{"step": n, "loss": 3.0, "validation": 2.0 if n == 2 else None} for n in (1, 2)]
    save_loss_plot(tmp_path / "loss.png", records, {"gpt": {"loss": 2.0}, "unigram": {"loss": 5.0}})
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_rates_are_drawn_with_their_intervals(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("gpt.plots.save_figure", lambda _, figure: drawn.append(figure))
    curve = RateCurve("votes", [1, 2], [0.2, 0.5], [(0.1, 0.25), (0.4, 0.7)])
    save_rates_plot(tmp_path / "rates.png", [curve], "samples", "right (%)")
    [axes] = drawn[0].axes
    [container] = axes.containers
    line, _, [bars] = container.lines
    assert line.get_ydata().tolist() == [20, 50]
    ends = [segment[:, 1].round(6).tolist() for segment in bars.get_segments()]
    assert ends == [[10, 25], [40, 70]]


def test_rates_become_a_picture(tmp_path):
    path = tmp_path / "rates.png"
    save_rates_plot(path, [RateCurve("one", [1], [0.5], [(0.4, 0.6)])], "n", "right (%)")
    assert path.read_bytes().startswith(b"\x89PNG")
