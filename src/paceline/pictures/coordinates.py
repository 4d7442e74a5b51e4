"""Parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paceline.pictures.drawing import INK, SOFT, begun, empty, headed, noted
from paceline.series.axes import short
from paceline.series.importances import judged_of
from paceline.series.parallel import ABSENT, CAPTION, INCUMBENT, STRENGTHS, Parallel, is_high, parallel_of
from paceline.series.texts import NOTHING_TO_COMPARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study

_TITLE, _HIGHER = 1.05, 1.11


def parallel(study: Study) -> Figure:
    """A line for each trial through its resource, its hyperparameters and its value; the best ones in colour.

    Args:
        study: any.

    Raises:
        SettingError: Matplotlib is not installed.
    """
    figure = begun(study, 5.4)
    picture = parallel_of(study, judged_of(study)[0])
    title = f"{study.name}: parallel coordinates"
    if picture is None:
        return empty(figure, title, NOTHING_TO_COMPARE)
    n = len(picture.uprights)
    figure.set_figwidth(max(figure.get_figwidth(), 0.85 * n))
    axes = figure.add_subplot()
    axes.set_axis_off()
    for bundle in picture.bundles:
        name = f"{bundle.group.label} ({len(bundle.group.trials)} drawn)"
        _lines(axes, bundle.heights, name, STRENGTHS[bundle.group.label])
    if picture.incumbent is not None:
        view, heights = picture.incumbent
        _lines(axes, [heights], f"incumbent, trial {view.id}", INCUMBENT)
    _uprights(axes, picture)
    axes.set(xlim=(-0.5, n - 0.7), ylim=(ABSENT - 0.05, 1.16))
    headed(figure, title, *axes.get_legend_handles_labels())
    return noted(figure, CAPTION, picture.note)


def _lines(
    axes: Axes, heights: Sequence[Sequence[float]], label: str, look: tuple[str, float, float]
) -> None:
    """The lines of one group as one artist."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - an extra

    colour, width, alpha = look
    segments = [list(enumerate(line)) for line in heights]
    axes.add_collection(LineCollection(segments, label=label, colors=colour, linewidths=width, alpha=alpha))


def _uprights(axes: Axes, picture: Parallel) -> None:
    """The axes with their names and labels."""
    around = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6}
    for place, upright in enumerate(picture.uprights):
        axes.plot([place, place], [0, 1], color=SOFT, linewidth=0.8, zorder=4)
        top = _HIGHER if is_high(picture, place) else _TITLE
        axes.text(place, top, short(upright.name), ha="center", weight="bold", fontsize=9, color=INK)
        ticks = [*upright.ticks, *([(ABSENT, "inactive")] if upright.has_absent else [])]
        for share, label in ticks:
            axes.text(
                place - 0.05, share, label, ha="right", va="center", fontsize=7.5, color=INK, bbox=around, zorder=6
            )  # fmt: skip
