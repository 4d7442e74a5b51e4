"""Learning curves: the value of each trial over its resource, by what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from paceline.series.outcomes import Fate, fates
from paceline.series.record import Curve, Record
from paceline.series.thinning import thinned
from paceline.series.value_axis import ValueAxis, value_axis
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study

MOST, BEST = 300, 100
"""Curves that are drawn, and how many of them are the best."""


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
        is_log: whether resources are shown in the logarithm.
        note: what was left out.
    """

    lines: tuple[Line, ...]
    incumbent: int | None
    axis: ValueAxis | None
    is_log: bool
    note: str

    def of(self, fate: Fate) -> list[Line]:
        """Those of one fate."""
        return [line for line in self.lines if line.fate is fate]


def curves_of(study: Study, record: Record) -> Curves:
    """The curves of a study."""
    trials = [view for view in study.trials if view.id in record.curves]
    maximize = study.ledger.objective.maximize
    chosen = thinned(trials, maximize=maximize, most=MOST, best=BEST)
    became = fates(chosen.trials, study.rungs())
    lines = tuple(Line(view, became[view.id], record.curves[view.id]) for view in chosen.trials)
    axis = value_axis((value for line in lines for value in line.curve.values), maximize=maximize)
    resources = [resource for line in lines for resource in line.curve.resources]
    best = study.incumbent
    return Curves(
        lines=lines,
        incumbent=None if best is None else best.trial,
        axis=axis,
        is_log=bool(resources) and min(resources) > 0 and max(resources) / min(resources) >= 8,
        note=" ".join(part for part in (chosen.note, "" if axis is None else axis.note) if part),
    )
