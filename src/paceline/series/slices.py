"""Slices: the value of each trial against one hyperparameter, by how far it was trained."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from paceline.series.axes import Axis
from paceline.series.outcomes import shade
from paceline.series.points import Points, levels
from paceline.views import TrialView
from paceline.wording import count

CAPTION = (
    "Each point is a trial at its last value, where the hyperparameter is active. Values at different resources are not "
    "to be compared with each other: compare points of one colour."
)
_JITTER = 0.5


class Cloud(msgspec.Struct, frozen=True):
    """Points of one colour.

    Args:
        label: how far their trials were trained.
        colour: of the points.
        size: of the points; those that were trained further are larger.
        trials: one for each point.
        x: where its config has the hyperparameter.
        y: its value.
    """

    label: str
    colour: str
    size: float
    trials: tuple[TrialView, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]


class Slice(msgspec.Struct, frozen=True):
    """One hyperparameter.

    Args:
        axis: of the hyperparameter.
        clouds: those trained least first.
        incumbent: the incumbent's point, trial, x and y; `None` where it is not active there.
        n_absent: trials among those drawn in which the hyperparameter is inactive.
    """

    axis: Axis
    clouds: tuple[Cloud, ...]
    incumbent: tuple[TrialView, float, float] | None
    n_absent: int

    @property
    def note(self) -> str:
        """A sentence on the trials that are not here."""
        return f"Inactive in {count(self.n_absent, 'trial')} of those drawn." if self.n_absent else ""


def slices_of(points: Points, unit: str) -> list[Slice]:
    """One for each hyperparameter, in the order of the axes."""
    found = levels(points, unit)
    by_level = [
        (level.label, shade(place, len(found)), 4 + 0.5 * place, level.trials)
        for place, level in enumerate(found)
    ]
    return [_slice(points, axis, by_level) for axis in points.axes]


def _slice(
    points: Points, axis: Axis, by_level: Sequence[tuple[str, str, float, tuple[TrialView, ...]]]
) -> Slice:
    def there(view: TrialView) -> bool:
        return axis.name in view.config

    clouds = []
    for label, colour, size, trials in by_level:
        kept = tuple(view for view in trials if there(view))
        x = tuple(axis.scattered(view.config, view.id, width=_JITTER) for view in kept)
        clouds.append(Cloud(f"at {label}", colour, size, kept, x, tuple(view.value or 0.0 for view in kept)))
    best = next((view for view in points.trials if view.id == points.incumbent and there(view)), None)
    star = None
    if best is not None:
        star = best, axis.scattered(best.config, best.id, width=_JITTER), best.value or 0.0
    return Slice(axis, tuple(clouds), star, sum(not there(view) for view in points.trials))
