"""Parallel coordinates: a line for each trial, over its resource, its hyperparameters and its value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from paceline.series.axes import Axis, resource_axis
from paceline.series.outcomes import CHOSEN, OTHERS
from paceline.series.points import Group, Points, groups
from paceline.series.value_axis import ValueAxis
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study

ABSENT = -0.09
"""Where a hyperparameter is drawn that is inactive, in shares of an axis."""

STRENGTHS = {"the other 75 %": (OTHERS, 0.6, 0.30), "the next 20 %": ("#e69f00", 0.8, 0.45),
             "the best 5 %": ("#0072b2", 1.0, 0.75)}  # fmt: skip
"""Of each group: colour, width of its lines, and how little of what lies under them can be seen."""

INCUMBENT = CHOSEN, 2.6, 1.0
"""The same of the incumbent."""

_JITTER = 0.22


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
    """

    uprights: tuple[Upright, ...]
    bundles: tuple[Bundle, ...]
    incumbent: tuple[TrialView, tuple[float, ...]] | None


def parallel_of(study: Study, points: Points) -> Parallel | None:
    """Of a study's points; `None` where there are none."""
    if not points.trials or points.value_axis is None:
        return None
    resource = resource_axis([view.resource for view in points.trials])
    heights = {view.id: _heights(view, points.axes, resource, points.value_axis) for view in points.trials}
    absent = [
        any(heights[view.id][place] == ABSENT for view in points.trials)
        for place in range(1, len(points.axes) + 1)
    ]
    value = Axis("", points.value_axis.low, points.value_axis.high, is_log=points.value_axis.is_log)
    uprights = (
        Upright(f"{study.unit}s", _ticks(resource), has_absent=False),
        *(Upright(axis.name, _ticks(axis), there) for axis, there in zip(points.axes, absent, strict=True)),
        Upright(study.ledger.objective.metric, _ticks(value), has_absent=False),
    )
    bundles = tuple(
        Bundle(group, tuple(heights[view.id] for view in group.trials)) for group in groups(points, study)
    )
    best = next((view for view in points.trials if view.id == points.incumbent), None)
    return Parallel(uprights, bundles, None if best is None else (best, heights[best.id]))


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


def _ticks(axis: Axis) -> tuple[tuple[float, str], ...]:
    return tuple((axis.share(position), label) for position, label in axis.ticks())
