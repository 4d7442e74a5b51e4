"""Trials as points: a value, a resource, and a position on the axis of each hyperparameter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from paceline.importance import Importance
from paceline.series.axes import MOST_AXES, Axis, axes_of
from paceline.series.thinning import ranked, thinned
from paceline.series.value_axis import ValueAxis, value_axis
from paceline.views import TrialView
from paceline.wording import count

if TYPE_CHECKING:
    from paceline.study import Study

MOST, BEST = 1000, 300
"""Trials that are drawn, and how many of them are the best."""

_MOST_LEVELS = 5


class Level(msgspec.Struct, frozen=True):
    """Trials that were trained about as far.

    Args:
        label: how far.
        trials: the worst first.
    """

    label: str
    trials: tuple[TrialView, ...]


class Group(msgspec.Struct, frozen=True):
    """Trials about as good.

    Args:
        label: how good.
        trials: the worst first.
    """

    label: str
    trials: tuple[TrialView, ...]


class Points(msgspec.Struct, frozen=True):
    """All trials that are drawn.

    Args:
        trials: with a finite value, the worst first.
        axes: of the hyperparameters, the most important first where that is known.
        value_axis: of the values; `None` where there are none.
        incumbent: the incumbent's trial.
        note: what was left out.
    """

    trials: tuple[TrialView, ...]
    axes: tuple[Axis, ...]
    value_axis: ValueAxis | None
    incumbent: int | None
    note: str


def points_of(study: Study, judged: Importance | None, *, most: int = MOST, best: int = BEST) -> Points:
    """The trials of a study as points.

    Args:
        study: the study.
        judged: which hyperparameters matter, for the order of the axes.
        most: trials that are drawn ...
        best: ... and how many of them are the best.
    """
    views = study.trials
    finite = [view for view in views if view.value is not None]
    maximize = study.ledger.objective.maximize
    chosen = thinned(finite, maximize=maximize, most=most, best=best)
    axes = axes_of(study.space, judged)
    axis = value_axis((view.value for view in chosen.trials), maximize=maximize)
    incumbent = study.incumbent
    notes = [
        chosen.note,
        "" if axis is None else axis.note,
        _without(len(views) - len(finite)),
        _axes_left(axes),
    ]
    return Points(
        trials=chosen.trials,
        axes=tuple(axes[:MOST_AXES]),
        value_axis=axis,
        incumbent=None if incumbent is None else incumbent.trial,
        note=" ".join(note for note in notes if note),
    )


def levels(points: Points, unit: str) -> list[Level]:
    """The trials by how far they were trained, the least first: at most five levels, of about as many trials each."""
    resources = sorted({view.resource for view in points.trials})
    if len(resources) > _MOST_LEVELS:
        parts = _MOST_LEVELS
        cuts = [
            resources[len(resources) * part // parts : len(resources) * (part + 1) // parts]
            for part in range(parts)
        ]
    else:
        cuts = [[one] for one in resources]
    return [
        Level(
            count(cut[0], unit) if len(cut) == 1 else f"{cut[0]} to {count(cut[-1], unit)}",
            tuple(view for view in points.trials if cut[0] <= view.resource <= cut[-1]),
        )
        for cut in cuts
    ]


def groups(points: Points, study: Study) -> list[Group]:
    """The trials by how good they are among all of the study, the worst first."""
    finite = [view for view in study.trials if view.value is not None]
    order = ranked(finite, maximize=study.ledger.objective.maximize)
    first, second = math.ceil(0.05 * len(order)), math.ceil(0.25 * len(order))
    top = {view.id for view in order[:first]}
    next_ = {view.id for view in order[first:second]}
    drawn = points.trials
    found = [
        Group("the other 75 %", tuple(view for view in drawn if view.id not in top | next_)),
        Group("the next 20 %", tuple(view for view in drawn if view.id in next_)),
        Group("the best 5 %", tuple(view for view in drawn if view.id in top)),
    ]
    return [group for group in found if group.trials]


def _without(n: int) -> str:
    return "" if n == 0 else f"Left out: {count(n, 'trial')} without a finite value."


def _axes_left(axes: list[Axis]) -> str:
    if len(axes) <= MOST_AXES:
        return ""
    names = ", ".join(axis.name for axis in axes[MOST_AXES:][:20])
    more = "" if len(axes) <= MOST_AXES + 20 else ", ..."
    return f"Shown are {MOST_AXES} of {len(axes)} hyperparameters, those that matter most; left out: {names}{more}."
