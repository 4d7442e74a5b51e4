"""Learning curves: the value of each trial over its resource, by what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from paceline.series.axes import resource_axis
from paceline.series.outcomes import Fate, fates
from paceline.series.record import Curve, Record
from paceline.series.thinning import thinned
from paceline.series.value_axis import ValueAxis, value_axis
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study

CAPTION = "Each line is a trial; a point is one that has reported once."

MOST, BEST = 300, 100
"""Curves that are drawn, and how many of them are the best."""

POINTS = 100
"""Reports of one curve that are drawn, the first and the last among them."""

_MOST_RUNGS = 8


class Line(msgspec.Struct, frozen=True):
    """One trial's curve."""

    trial: TrialView
    fate: Fate
    curve: Curve


class Curves(msgspec.Struct, frozen=True):
    """All curves that are drawn.

    Args:
        lines: the worst first.
        incumbent: the trial that is the incumbent, if there is one.
        axis: of the values; `None` where there are none.
        ends: the least and the largest resource.
        is_log: whether resources are shown in the logarithm ...
        ticks: ... and which ones have a tick then: those of the rungs, where there are few.
        note: what was left out.
    """

    lines: tuple[Line, ...]
    incumbent: int | None
    axis: ValueAxis | None
    ends: tuple[float, float]
    is_log: bool
    ticks: tuple[float, ...]
    note: str

    def of(self, fate: Fate) -> list[Line]:
        """Those of one fate."""
        return [line for line in self.lines if line.fate is fate]


def curves_of(study: Study, record: Record) -> Curves:
    """The curves of a study."""
    trials = [view for view in study.trials if view.id in record.curves]
    maximize = study.ledger.objective.maximize
    chosen = thinned(trials, maximize=maximize, most=MOST, best=BEST)
    brackets = study.rungs()
    became = fates(chosen.trials, brackets)
    lines = tuple(Line(view, became[view.id], _drawn(record.curves[view.id])) for view in chosen.trials)
    axis = value_axis((value for line in lines for value in line.curve.values), maximize=maximize)
    resources = [resource for line in lines for resource in line.curve.resources]
    rungs = sorted({rung.resource for bracket in brackets for rung in bracket.rungs})
    is_log = bool(resources) and resource_axis(resources).is_log
    ticks = rungs if 2 <= len(rungs) <= _MOST_RUNGS else _marks(resources) if is_log else []
    is_cut = any(len(record.curves[view.id].resources) > POINTS for view in chosen.trials)
    cut = f"Of longer curves {POINTS} reports are drawn, evenly." if is_cut else ""
    notes = (chosen.note, cut, "" if axis is None else axis.note)
    best = study.incumbent
    return Curves(
        lines=lines,
        incumbent=None if best is None else best.trial,
        axis=axis,
        ends=(min(resources, default=0), max(resources, default=1)),
        is_log=is_log,
        ticks=tuple(map(float, ticks)),
        note=" ".join(part for part in notes if part),
    )


def _drawn(curve: Curve) -> Curve:
    """A curve with no more points than can be told apart."""
    last = len(curve.resources) - 1
    if last < POINTS:
        return curve
    places = [last * place // (POINTS - 1) for place in range(POINTS)]
    return Curve(
        tuple(curve.resources[place] for place in places), tuple(curve.values[place] for place in places)
    )


def _marks(resources: list[int]) -> list[float]:
    return [position for position, _ in resource_axis(resources).marks()]
