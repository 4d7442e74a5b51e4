"""`paceline trials`: the trials, as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName, at_least
from paceline.cli.output import Table, answer
from paceline.cli.studies import loaded
from paceline.events import Objective
from paceline.views import TrialView


class Order(StrEnum):
    """What trials are sorted by."""

    ID = "id"
    VALUE = "value"
    RESOURCE = "resource"
    TRAINED = "trained"
    SECONDS = "seconds"


class TrialStatus(StrEnum):
    """Which trials are shown."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


def trials(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", parser=at_least(1), help="Show so many.", show_default=False),
    ] = None,
    sort: Annotated[Order, typer.Option("--sort", help="Oldest, best or largest first.")] = Order.ID,
    status: Annotated[
        TrialStatus | None, typer.Option("--status", help="Only those with this status.", show_default=False)
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the trials as a table.

    Status, resource, value and config of each.
    """
    with loaded(storage, study) as found:
        views = [view for view in found.trials if status is None or view.status == status.value]
        views.sort(key=_key(sort, found.ledger.objective))
        views = views[:limit]
        answer(views, [_table(views, found.space.names)], as_json=as_json)


def _key(order: Order, objective: Objective) -> Callable[[TrialView], Any]:
    match order:
        case Order.ID:
            return lambda view: view.id
        case Order.VALUE:  # those without a value come last, whichever way is up
            return lambda view: (objective.loss({objective.metric: view.value}), view.id)
        case Order.RESOURCE | Order.TRAINED | Order.SECONDS:
            return lambda view: (-getattr(view, order.value), view.id)


def _table(views: Sequence[TrialView], names: Sequence[str]) -> Table:
    columns = ("trial", "status", "resource", "value", "best_value", "trained", "seconds", "bracket")
    rows = [
        (
            *(view.id, view.status, view.resource, view.value, view.best_value, view.trained),
            *(view.seconds, view.bracket),
            *(view.config.get(name) for name in names),
        )
        for view in views
    ]
    return Table((*columns, *names), rows)
