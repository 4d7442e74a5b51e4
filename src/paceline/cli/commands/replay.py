"""`paceline replay`: whether this version of Paceline would decide the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName
from paceline.cli.output import Block, Facts, Note, answer
from paceline.cli.script import load_script
from paceline.cli.studies import loaded
from paceline.errors import SettingError
from paceline.events import AnyEvent, encode
from paceline.history import ReplayReport
from paceline.study import Study


def replay(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE.py",
            help="The script that made the study; needed if its space has constraints.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Derive every recorded decision again.

    Each from the facts before it, with this version of Paceline. Exits 1 if one comes out differently.
    """
    if file is None:
        with loaded(storage, study) as found:
            _check_constraints(found)
            report = found.replay()
            name = found.name
    else:
        with load_script(file, study=study, is_to_run=False).study as scripted:
            report = scripted.replay()
            name = scripted.name
    document = {
        "study": name,
        "is_equal": report.is_equal,
        "n_events": report.n_events,
        "n_decisions": report.n_decisions,
        "seq": report.seq,
        "recorded": report.recorded,
        "derived": report.derived,
    }
    answer(document, _blocks(name, report), as_json=as_json)
    if not report.is_equal:
        raise typer.Exit(1)


def _check_constraints(study: Study) -> None:
    """Constraints are functions, and a journal holds data only: without them nothing can be sampled again."""
    names = ", ".join(repr(constraint.name) for constraint in study.space.constraints)
    if names:
        raise SettingError(
            "--file",
            None,
            expected=f"the script that made study {study.name!r}, because its space has constraints ({names}) whose "
            "functions are not in the journal",
            hint="Or call Study.replay() in that script.",
        )


def _blocks(name: str, report: ReplayReport) -> list[Block]:
    counts = f"{report.n_events} events, {report.n_decisions} decisions"
    if report.seq is None:
        return [Note(f"{name}: {counts}: every decision came out as it was recorded.")]
    return [
        Note(f"{name}: {counts} until the first difference, at event {report.seq}."),
        Facts([("recorded", _lines(report.recorded)), ("derived", _lines(report.derived))]),
    ]


def _lines(events: tuple[AnyEvent, ...]) -> str:
    return " ".join(map(encode, events)) or "nothing"
