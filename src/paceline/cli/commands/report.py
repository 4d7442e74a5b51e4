"""`paceline report`: a study as one interactive page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.files import Force, check_file, write_file
from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName
from paceline.cli.output import Facts, answer
from paceline.cli.studies import loaded
from paceline.report import report as page_of


def report(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to. Default: the study's name and .html.",
            show_default=False,
        ),
    ] = None,
    *,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write an interactive page of a study.

    One HTML file that needs no network: incumbent, learning curves, rungs, slices, importance, best trials, failures.
    """
    with loaded(storage, study) as found:
        file = Path(f"{found.name}.html") if output is None else output
        check_file(file, is_forced=force)
        page = page_of(found)
        write_file(file, lambda part: _write(part, page), is_forced=force)
        size_bytes = file.stat().st_size
        facts = Facts([("file", str(file)), ("bytes", size_bytes)])
        answer({"file": file, "bytes": size_bytes}, [facts], as_json=as_json)


def _write(part: Path, page: str) -> None:
    part.write_text(page, encoding="utf-8")
