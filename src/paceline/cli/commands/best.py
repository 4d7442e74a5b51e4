"""`paceline best`: the best trial."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from paceline.cli.options import DEFAULT_STORAGE, AsJson, Folder, StorageUrl, StudyName
from paceline.cli.output import Facts, answer
from paceline.cli.studies import loaded


class Rule(StrEnum):
    """Which results are compared."""

    MAX_RESOURCE = "max_resource"
    ANY = "any"


def best(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    at: Annotated[
        Rule,
        typer.Option(
            "--at", help="Compare results at the largest resource reached, or at any, which favours luck."
        ),
    ] = Rule.MAX_RESOURCE,
    folder: Folder = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the best trial.

    Its config, value and checkpoint. With --json, null while there is no finite result.
    """
    with loaded(storage, study, folder) as found:
        incumbent = found.best(at.value)
        if incumbent is None:
            answer(None, [Facts([("best", "no finite result yet")])], as_json=as_json)
            return
        facts = Facts(
            [
                ("trial", incumbent.trial),
                (found.ledger.objective.metric, incumbent.value),
                ("resource", incumbent.resource),
                *((f"config.{name}", value) for name, value in incumbent.config.items()),
                ("checkpoint", None if incumbent.checkpoint is None else str(incumbent.checkpoint)),
            ]
        )
        answer(incumbent, [facts], as_json=as_json)
