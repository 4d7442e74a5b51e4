"""Learning curves, coloured by what became of their trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paceline.pictures.drawing import begun, empty, grid, headed, noted, value_scale
from paceline.series.curves import CAPTION, Curves, Line, curves_of
from paceline.series.outcomes import CHOSEN, COLOURS, Fate
from paceline.series.record import record_of
from paceline.series.texts import NO_REPORT
from paceline.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study


def curves(study: Study) -> Figure:
    """The value of each trial over its resource, coloured by how far its rungs let it go, or by what else ended it.

    Args:
        study: any.

    Raises:
        SettingError: Matplotlib is not installed.
    """
    figure = begun(study, 5.0)
    found = curves_of(study, record_of(study))
    title = f"{study.name}: learning curves"
    if not found.lines:
        return empty(figure, title, NO_REPORT)
    axes = figure.add_subplot()
    for fate in Fate:
        if kept := found.of(fate):
            thin = fate in {Fate.LEFT, Fate.ENDED}
            _bundle(axes, kept, f"{fate} ({len(kept)})", COLOURS[fate], 0.8 if thin else 1.1)
    best = [line for line in found.lines if line.trial.id == found.incumbent]
    if best:
        _bundle(axes, best, f"incumbent, trial {best[0].trial.id}", CHOSEN, 2.4)
    axes.set_xlabel(f"resource ({study.unit}s)")
    value_scale(axes, study.ledger.objective.metric, found.axis)
    _resources(axes, found)
    grid(axes)
    headed(figure, title, *axes.get_legend_handles_labels())
    return noted(figure, CAPTION, found.note)


def _bundle(axes: Axes, found: Sequence[Line], label: str, colour: str, width: float) -> None:
    """Many curves as one artist, and those of one report as points."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - an extra

    several = [line.curve for line in found if len(line.curve.resources) > 1]
    single = [line.curve for line in found if len(line.curve.resources) == 1]
    alpha = 1.0 if colour == CHOSEN else 0.75
    if several:
        segments = [np.array([curve.resources, curve.values], np.float64).T for curve in several]
        look: dict[str, Any] = {"colors": colour, "linewidths": width, "alpha": alpha}
        axes.add_collection(LineCollection(segments, label=label, **look))
    if single:
        x, y = (
            [curve.resources[0] for curve in single],
            np.array([curve.values[0] for curve in single], float),
        )
        name = "_nolegend_" if several else label
        axes.scatter(x, y, s=9, c=colour, alpha=alpha, linewidths=0, label=name)


def _resources(axes: Axes, found: Curves) -> None:
    low, high = found.ends
    if found.is_log:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.1, high * 1.1)
    else:
        room = 0.03 * (high - low) or 0.5
        axes.set_xlim(low - room, high + room)
    if found.ticks:
        axes.set_xticks(found.ticks, [number(one) for one in found.ticks])
        axes.set_xticks([], minor=True)
