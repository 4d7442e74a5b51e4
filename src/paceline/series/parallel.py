"""Parallel coordinates: a line for each trial, over its resource, its hyperparameters and its value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from paceline.importance import Importance
from paceline.series.axes import Axis, resource_axis
from paceline.series.outcomes import CHOSEN, COLOURS, Fate
from paceline.series.points import Group, groups, points_of
from paceline.series.value_axis import ValueAxis
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study

CAPTION = (
    "Each line is a trial; it crosses each axis at its value, and below the axis where the hyperparameter is inactive. "
    "Names are spread a little, to be told apart. Good trials that run together show where good values lie."
)

MOST, BEST = 300, 60
"""Lines that are drawn, and how many of them are the best: more hide each other."""

ABSENT = -0.09
"""Where a hyperparameter is drawn that is inactive, in shares of an axis."""

STRENGTHS = {"the other 75 %": ("#97a3af", 0.7, 0.40), "the next 20 %": (COLOURS[Fate.PROMOTED], 0.8, 0.50),
             "the best 5 %": (COLOURS[Fate.DONE], 1.0, 0.75)}  # fmt: skip
"""Of each group: colour, width of its lines, and how little of what lies under them can be seen."""

INCUMBENT = CHOSEN, 2.6, 1.0
"""The same of the incumbent."""

_JITTER = 0.22
_STAGGERED = 7


class Upright(msgspec.Struct, frozen=True):
    """One of the upright axes.

    Args:
        name: over it.
        ticks: as (share of its height, label).
        has_absent: whether any trial drawn has nothing there.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    has_absent: bool


class Bundle(msgspec.Struct, frozen=True):
    """The lines of one group: of each trial its heights on all axes, as shares."""

    group: Group
    heights: tuple[tuple[float, ...], ...]


class Parallel(msgspec.Struct, frozen=True):
    """The whole picture.

    Args:
        uprights: from left to right: the resource, the hyperparameters, the value.
        bundles: the worst group first.
        incumbent: the incumbent's line, if it is among those drawn.
        note: what was left out.
    """

    uprights: tuple[Upright, ...]
    bundles: tuple[Bundle, ...]
    incumbent: tuple[TrialView, tuple[float, ...]] | None
    note: str


def parallel_of(study: Study, judged: Importance | None) -> Parallel | None:
    """Of a study; `None` where no trial has a finite value, or there is nothing but constants.

    Args:
        study: the study.
        judged: which hyperparameters matter, for the order of the axes.
    """
    points = points_of(study, judged, most=MOST, best=BEST)
    if not points.trials or points.value_axis is None or not points.axes:
        return None
    resource = resource_axis([view.resource for view in points.trials])
    heights = {view.id: _heights(view, points.axes, resource, points.value_axis) for view in points.trials}
    absent = [
        any(heights[view.id][place] == ABSENT for view in points.trials)
        for place in range(1, len(points.axes) + 1)
    ]
    value = Axis("", points.value_axis.low, points.value_axis.high, is_log=points.value_axis.is_log)
    uprights = (
        Upright(f"{study.unit}s", _at_shares(resource, resource.ticks()), has_absent=False),
        *(
            Upright(axis.name, _at_shares(axis, axis.ticks()), there)
            for axis, there in zip(points.axes, absent, strict=True)
        ),
        Upright(study.ledger.objective.metric, _at_shares(value, value.marks()), has_absent=False),
    )
    bundles = tuple(
        Bundle(group, tuple(heights[view.id] for view in group.trials)) for group in groups(points, study)
    )
    best = next((view for view in points.trials if view.id == points.incumbent), None)
    return Parallel(uprights, bundles, None if best is None else (best, heights[best.id]), points.note)


def is_high(picture: Parallel, place: int) -> bool:
    """Whether an axis's name stands above those of its neighbours: with many axes there is no room beside them."""
    return len(picture.uprights) > _STAGGERED and place % 2 == 1


def _heights(
    view: TrialView, axes: tuple[Axis, ...], resource: Axis, value_axis: ValueAxis
) -> tuple[float, ...]:
    shares = [axis.share(axis.scattered(view.config, view.id, width=_JITTER)) for axis in axes]
    value = Axis("", value_axis.low, value_axis.high, is_log=value_axis.is_log)
    height = value.share(min(max(view.value or 0.0, value.low), value.high))
    return (
        resource.share(view.resource),
        *(ABSENT if math.isnan(share) else share for share in shares),
        height,
    )


def _at_shares(axis: Axis, ticks: Iterable[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    return tuple((axis.share(position), label) for position, label in ticks)
