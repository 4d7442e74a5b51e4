"""Pictures of a population: its lineage and its schedules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paceline.pictures.drawing import begun, grid, hyperparameter_scale, noted
from paceline.schedulers.replay import Piece
from paceline.series.axes import MOST_AXES, Axis, axes_of
from paceline.series.descent import Fork, Stay, family_of, schedule_axis, schedules_of, whose
from paceline.series.outcomes import CHOSEN, OTHERS
from paceline.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study

_HIGHEST = 30.0  # inches
_MOST_LABELS = 40
"""Rows of the lineage that are named one by one; with more, the axis has its usual ticks."""


def lineage(study: Study, trial: int | None = None) -> Figure:
    """Who was forked from whom: a row for each member, a line for each trial, an arrow for each fork.

    Args:
        study: with a population, or any other.
        trial: whose ancestors are shown in colour; `None` is the incumbent's.

    Raises:
        SettingError: Matplotlib is not installed, or there is no such trial.
    """
    figure = begun(study, 2.5)
    family = family_of(study, trial)
    rows = family.rows
    figure.set_figheight(min(max(2.5, 0.16 * len(rows) + 1.5), _HIGHEST))
    axes = figure.add_subplot()
    _family(axes, family.stays, family.forks, color=OTHERS, width=1.0)
    _family(axes, family.line, family.line_forks, color=CHOSEN, width=2.0)
    axes.set(xlabel=study.unit, ylabel="member", title=f"{study.name}: lineage{whose(study, trial)}")
    if len(rows) <= _MOST_LABELS:
        axes.set_yticks(rows, [str(row) for row in rows])
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def schedule(study: Study, trial: int | None = None) -> Figure:
    """The hyperparameters that weights were trained with, over the resource: one panel for each hyperparameter.

    Args:
        study: with a population, or any other.
        trial: whose schedule is shown in colour; `None` is the incumbent's. Those of all other members are grey.

    Raises:
        SettingError: Matplotlib is not installed, or there is no such trial.
    """
    figure = begun(study, 2.5)
    chosen = study.schedule(trial)
    others = schedules_of(study)
    every = axes_of(study.space)
    found = every[:MOST_AXES]
    figure.set_figheight(max(2.5, 2.0 * len(found) + 0.8))
    panels = figure.subplots(max(1, len(found)), sharex=True, squeeze=False)[:, 0]
    for axes, axis in zip(panels, found, strict=False):
        _steps(axes, axis, others, color=OTHERS, width=0.8)
        _steps(axes, axis, [chosen], color=CHOSEN, width=2.0)
        grid(axes)
        hyperparameter_scale(axes, schedule_axis(axis, [chosen, *others]), is_upright=True)
    panels[0].set_title(f"{study.name}: schedule{whose(study, trial)}")
    panels[-1].set_xlabel(study.unit)
    left = len(every) - len(found)
    return noted(figure, f"Left out: {count(left, 'hyperparameter')} more." if left else "")


def _family(axes: Axes, stays: Sequence[Stay], forks: Sequence[Fork], *, color: str, width: float) -> None:
    """Rows, and arrows between them."""
    x = [at for stay in stays for at in (stay.start, stay.stop, math.nan)]
    y = [at for stay in stays for at in (stay.row, stay.row, math.nan)]
    axes.plot(x, y, color=color, linewidth=width)
    look: dict[str, Any] = {
        "arrowstyle": "-|>",
        "linewidth": 0.65 * width,
        "color": color,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    for fork in forks:
        ends: dict[str, Any] = {"xy": (fork.at, fork.after), "xytext": (fork.at, fork.before)}
        axes.annotate("", **ends, arrowprops=look, zorder=2 + (color == CHOSEN))


def _steps(axes: Axes, axis: Axis, schedules: Sequence[Sequence[Piece]], *, color: str, width: float) -> None:
    """Lines that are level within each piece, and interrupted where the hyperparameter is inactive."""
    # One artist for all: thousands of them take minutes.
    places: list[float] = []
    heights: list[float] = []
    for pieces in schedules:
        for piece in pieces:
            places += [piece.start, piece.stop]
            heights += [axis.at(piece.config)] * 2
        places.append(math.nan)
        heights.append(math.nan)
    axes.plot(places, heights, color=color, linewidth=width, solid_capstyle="butt")
