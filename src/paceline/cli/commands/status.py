"""`paceline status`: how far a study is, while it runs or afterwards."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from paceline.cli.misuse import Misuse
from paceline.cli.options import DEFAULT_STORAGE, AsJson, Folder, StorageUrl, StudyName
from paceline.cli.output import answer, drawn, plain
from paceline.cli.status import Status, status_blocks, status_of
from paceline.cli.studies import loaded
from paceline.study import Study

REFRESH_S = 1.0


def status(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    folder: Folder = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again and again, until the study is closed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a study is.

    Who drives it, its jobs, rungs, budget and best trial. The study may be running, here or on another machine.
    """
    if watch and as_json:
        raise Misuse("--watch shows many documents, --json prints one; leave one of them out.")
    with loaded(storage, study, folder) as found:
        if not watch:
            now = status_of(found)
            answer(now, status_blocks(now), as_json=as_json)
        elif sys.stdout.isatty():
            _watch_live(found)
        else:
            _watch_lines(found)


def _watch_live(study: Study) -> None:
    from rich.console import Console, Group  # noqa: PLC0415 - only where there is a terminal
    from rich.live import Live  # noqa: PLC0415

    def picture(now: Status) -> Group:
        return Group(*map(drawn, status_blocks(now)))

    now = status_of(study)
    console = Console(markup=False, emoji=False, highlight=False)
    with Live(picture(now), console=console, auto_refresh=False) as live:
        while now.status != "closed":
            time.sleep(REFRESH_S)
            study.refresh()
            now = status_of(study)
            live.update(picture(now), refresh=True)


def _watch_lines(study: Study) -> None:
    """In a pipe: all of it again whenever something was recorded."""
    n_seen = -1
    while True:
        ledger = study.ledger
        n_facts = ledger.n_jobs + ledger.n_reports + ledger.outcomes.total() + (ledger.closed is not None)
        if n_facts != n_seen:
            sys.stdout.write(plain(status_blocks(status_of(study))) + "\n")
            sys.stdout.flush()
            n_seen = n_facts
        if ledger.closed is not None:
            return
        time.sleep(REFRESH_S)
        study.refresh()
