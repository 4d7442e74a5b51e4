"""`paceline lineage`: who was forked from whom."""

from __future__ import annotations

from collections.abc import Sequence

from paceline import pictures
from paceline.cli.files import Force
from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName
from paceline.cli.output import Table, answer
from paceline.cli.pictures import OfTrial, Picture, draw
from paceline.cli.studies import loaded
from paceline.lineage import Descent
from paceline.space import Scalar
from paceline.views import TrialView
from paceline.wording import scalar_text

COLUMNS = ("trial", "member", "origin", "from", "to", "status", "value", "changes")


def lineage(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    trial: OfTrial = None,
    picture: Picture = None,
    *,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show which trial was forked from which.

    At which resource, and what was changed in its config; with --trial, only a trial and its ancestors.
    """
    with loaded(storage, study) as found:
        views = found.trials
        descents = found.lineage()
        if trial is not None:
            line = {piece.trial for piece in found.schedule(trial)} | {trial}
            descents = [descent for descent in descents if descent.trial in line]
        if picture is not None:
            draw(picture, lambda: pictures.lineage(found, trial), is_forced=force)
        answer(descents, [_table(descents, views)], as_json=as_json)


def _table(descents: Sequence[Descent], views: Sequence[TrialView]) -> Table:
    rows = []
    for descent in descents:
        view = views[descent.trial]
        place = (descent.trial, descent.member, descent.origin, descent.resource)
        rows.append((*place, view.resource, view.status, view.value, _changes(descent)))
    return Table(COLUMNS, rows)


def _changes(descent: Descent) -> str:
    return ", ".join(
        f"{name} {_text(before)} → {_text(after)}" for name, (before, after) in descent.changes.items()
    )


def _text(value: Scalar | None) -> str:
    return "absent" if value is None else scalar_text(value)
