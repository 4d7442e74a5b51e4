"""`paceline list`: the studies of a storage."""

from __future__ import annotations

from typing import Any

from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl
from paceline.cli.output import Note, Table, answer
from paceline.cli.studies import opened
from paceline.journal import Storage
from paceline.ledger import Ledger


def list_studies(storage: StorageUrl = DEFAULT_STORAGE, *, as_json: AsJson = False) -> None:
    """List the studies of a storage.

    For each: how far it is, its best result, and who drives it.
    """
    with opened(storage) as place:
        studies = [_summary(place, name) for name in place.studies()]
        columns = ("study", "status", "trials", "jobs", "metric", "best", "driven by")
        rows = [[study[column.replace(" ", "_")] for column in columns] for study in studies]
        blocks = [Table(columns, rows) if studies else Note(f"{place.url} holds no study.")]
        answer({"storage": place.url, "studies": studies}, blocks, as_json=as_json)


def _summary(storage: Storage, name: str) -> dict[str, Any]:
    """From the facts alone: a study whose scheduler is not installed here is listed too."""
    ledger = Ledger()
    for at, event in storage.journal(name).read():
        ledger.apply(event, at)
    best = ledger.incumbent()
    return {
        "study": name,
        "status": "open" if ledger.closed is None else "closed",
        "trials": len(ledger.trials),
        "jobs": ledger.n_jobs,
        "metric": ledger.objective.metric,
        "best": None if best is None else ledger.objective.value(best.loss),
        "driven_by": storage.holder(name),
    }
