"""A population's lineage as lines: a row for each member, a piece for each trial, a step for each fork."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from paceline.schedulers.replay import Piece
from paceline.series.axes import Axis
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study


CAPTION = (
    "Time runs to the right; a row is a place in the population. An upright line is a fork: a member left its weights and "
    "went on with those of another, which begin where the line comes from."
)


class Stay(msgspec.Struct, frozen=True):
    """A trial at its row.

    Args:
        row: the member's, or the trial's own where there are no members.
        start: the resource at which it begins.
        stop: the resource to which it has come.
        trial: the trial.
    """

    row: int
    start: int
    stop: int
    trial: TrialView


class Fork(msgspec.Struct, frozen=True):
    """From one row to another, at a resource."""

    at: int
    before: int
    after: int


class Family(msgspec.Struct, frozen=True):
    """A whole lineage.

    Args:
        stays: of all trials.
        forks: all.
        line: the stays of the chosen trial's weights, oldest first ...
        line_forks: ... and the forks between them.
    """

    stays: tuple[Stay, ...]
    forks: tuple[Fork, ...]
    line: tuple[Stay, ...]
    line_forks: tuple[Fork, ...]

    @property
    def rows(self) -> list[int]:
        """All rows, from the first."""
        return sorted({stay.row for stay in self.stays})


def family_of(study: Study, trial: int | None = None) -> Family:
    """The lineage of a study.

    Args:
        study: the study.
        trial: whose line is chosen; `None` is the incumbent's.

    Raises:
        SettingError: there is no such trial.
    """
    trials = study.trials
    pieces = study.schedule(trial)
    stays = []
    forks = []
    for view in trials:
        begin = view.origin_resource or 0
        stays.append(Stay(row_of(view), begin, max(view.resource, begin), view))
        if view.origin is not None:
            forks.append(Fork(begin, row_of(trials[view.origin]), row_of(view)))
    line = tuple(
        Stay(row_of(view), one.start, one.stop, view) for one in pieces for view in [trials[one.trial or 0]]
    )
    line_forks = tuple(Fork(after.start, before.row, after.row) for before, after in pairwise(line))
    return Family(tuple(stays), tuple(forks), line, line_forks)


def schedule_axis(axis: Axis, schedules: Iterable[Sequence[Piece]]) -> Axis:
    """The part of a hyperparameter's axis that schedules use; names are shown all."""
    if axis.names:
        return axis
    found = [axis.at(piece.config) for pieces in schedules for piece in pieces if axis.name in piece.config]
    if not found:
        return axis
    return msgspec.structs.replace(axis, low=min(found), high=max(found))


def schedules_of(study: Study) -> list[list[Piece]]:
    """Of the last trial at each row."""
    last = {row_of(view): view.id for view in study.trials}  # ids rise: the last that has the place
    return [study.schedule(one) for one in last.values()]


def row_of(view: TrialView) -> int:
    """A trial's row."""
    return view.id if view.member is None else view.member


def whose(study: Study, trial: int | None) -> str:
    """Whom a picture is about, for its title."""
    if trial is not None:
        return f" of trial {trial}"
    incumbent = study.incumbent
    return "" if incumbent is None else f" of trial {incumbent.trial}, the incumbent"
