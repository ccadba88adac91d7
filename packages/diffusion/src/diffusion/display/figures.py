"""Figures of flows: paths of points, times that are trained and visited, and errors over time."""

import io
from collections.abc import Mapping, Sequence

from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from gpt.errors import BadInput

TIME_LABEL = "flow time t (0 = data, 1 = noise)"
LATE = 0.9
"""Time above which steps are counted: mostly noise is left there."""


class NotebookFigure(Figure):
    """A figure that a notebook shows as an image even if pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        """Return the figure as PNG; IPython calls it for the last value of a cell."""
        content = io.BytesIO()
        self.savefig(content, format="png", bbox_inches="tight")
        return content.getvalue()


def trajectories_figure(
    path: Float[Tensor, "n_times B 2"], components: Int[Tensor, " B"], names: Sequence[str]
) -> Figure:
    """Draw the paths of points from noise to data, coloured by the component where they end.

    Raises:
        BadInput: a component has no name, or a point is not finite.
    """
    check_finite(path=path)
    if not 0 <= int(components.min()) <= int(components.max()) < len(names):
        raise BadInput(
            f"components go to {int(components.max())}, but there are {len(names)} names"
        )
    points, (figure, axes) = path.detach().cpu().numpy(), empty_figure(5.5, 5.5)
    for component, name in enumerate(names):
        mine = points[:, (components == component).cpu().numpy()]
        colour = f"C{component % 10}"
        axes.plot(mine[..., 0], mine[..., 1], color=colour, lw=0.7, alpha=0.35)
        axes.scatter(*mine[-1].T, s=14, color=colour, zorder=3, label=f"data: {name}")
    axes.scatter(*points[0].T, s=6, color="0.45", zorder=2, label="noise (start)")
    axes.set(xlabel="first coordinate", ylabel="second coordinate", aspect="equal")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def times_figure(
    trained: Float[Tensor, " N"], visited: Mapping[str, Float[Tensor, " M"]]
) -> Figure:
    """Draw the density of trained times above the times that samplers visit, one row per sampler.

    A sampler that takes many steps where training hardly went relies on the worst part of a model.
    The legend counts both above t = 0.9.

    Raises:
        BadInput: a time is not in [0, 1], or there are no times.
    """
    for name, times in {"trained": trained, **visited}.items():
        if len(times) < 1 or not bool(((times >= 0) & (times <= 1)).all()):
            raise BadInput(f"times of {name!r} must lie in [0, 1], and there must be one")
    figure = NotebookFigure(figsize=(7, 2.8 + 0.35 * len(visited)), layout="constrained")
    above, below = figure.subplots(
        2, 1, sharex=True, height_ratios=(2.6, 0.3 + 0.4 * max(1, len(visited)))
    )
    late = 100 * (trained > LATE).float().mean().item()
    above.hist(trained.cpu().numpy(), bins=40, range=(0, 1), density=True, color="C0", alpha=0.6)
    above.set(ylabel="density of\ntrained times")
    above.set_title(f"{late:.0f} % of trained times are above t = {LATE}", fontsize=10, loc="right")
    for row, times in enumerate(visited.values()):
        ticks = times.cpu().numpy()
        # unclipped, or half of a tick at 0 or 1 would be cut off
        below.vlines(ticks, row - 0.32, row + 0.32, color=f"C{row + 1}", lw=1.5, clip_on=False)
    labels = [
        f"{name}\n({int((times > LATE).sum())} of {len(times)} above {LATE})"
        for name, times in visited.items()
    ]
    below.set_yticks(range(len(visited)), labels, fontsize=9)
    below.set(xlabel=TIME_LABEL, xlim=(0, 1), ylim=(len(visited) - 0.4, -0.6))
    for axes in (above, below):
        axes.axvline(LATE, color="0.6", lw=0.8, ls=":")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def velocity_error_figure(
    times: Float[Tensor, " N"], errors: Mapping[str, Float[Tensor, " N"]], ylabel: str
) -> Figure:
    """Draw the error of the velocity over flow time, one curve per model.

    Raises:
        BadInput: an error is not finite, or there are no curves.
    """
    if not errors:
        raise BadInput("a figure of errors needs at least one curve, got none")
    check_finite(times=times, **errors)
    figure, axes = empty_figure(7.0, 3.6)
    for name, values in errors.items():
        axes.plot(times.cpu().numpy(), values.detach().cpu().numpy(), "o-", ms=3, label=name)
    axes.set(xlabel=TIME_LABEL, ylabel=ylabel, xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def empty_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of this size in inches, and its axes without a box."""
    figure = NotebookFigure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def check_finite(**arrays: Float[Tensor, "..."]) -> None:
    """Check that all numbers to be drawn are finite, since a plot leaves others out silently.

    Raises:
        BadInput: a number is NaN or infinite.
    """
    for name, values in arrays.items():
        if not values.isfinite().all():
            raise BadInput(f"{name} holds NaN or infinite numbers, which cannot be drawn")
