"""`paceline export`: trials, reports or events, as JSON lines, CSV or parquet."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.files import Force, check_file, write_file
from paceline.cli.misuse import Misuse
from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName
from paceline.cli.output import Facts, answer, print_json
from paceline.cli.studies import loaded
from paceline.export import rows, write_csv, write_json_lines, write_parquet
from paceline.study import Study


class What(StrEnum):
    """What is exported."""

    TRIALS = "trials"
    REPORTS = "reports"
    EVENTS = "events"


class Format(StrEnum):
    """How it is written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def export(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    what: Annotated[What, typer.Option("--what", help="One row for each of these.")] = What.TRIALS,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Default: what the output's name ends in, else jsonl.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to. Default: standard output.", show_default=False
        ),
    ] = None,
    *,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write all trials, reports or events.

    With --json: one JSON array, or, with --output, what was written.
    """
    chosen = _format(format_, output)
    if output is None:
        _check_stdout(chosen, format_, as_json=as_json)
    else:
        check_file(output, is_forced=force)
    with loaded(storage, study) as found:
        if output is not None:
            write_file(output, lambda part: _write(found, what, chosen, part), is_forced=force)
            size_bytes = output.stat().st_size
            document = {"file": output, "what": what.value, "format": chosen.value, "bytes": size_bytes}
            answer(document, [Facts([("file", str(output)), ("bytes", size_bytes)])], as_json=as_json)
        elif as_json:
            print_json(list(rows(found, what.value)))
        elif chosen is Format.CSV:
            write_csv(rows(found, what.value), sys.stdout)
        else:
            write_json_lines(rows(found, what.value), sys.stdout)


def _format(chosen: Format | None, output: Path | None) -> Format:
    if chosen is not None:
        return chosen
    suffix = "" if output is None else output.suffix.removeprefix(".")
    return Format(suffix) if suffix in list(Format) else Format.JSONL


def _check_stdout(chosen: Format, given: Format | None, *, as_json: bool) -> None:
    if chosen is Format.PARQUET:
        raise Misuse("parquet is no text; name a file with --output FILE.")
    if as_json and given is not None:
        raise Misuse(f"--json prints one JSON array; leave --format {given.value} out, or use --output FILE.")


def _write(study: Study, what: What, chosen: Format, path: Path) -> None:
    match chosen:
        case Format.PARQUET:
            write_parquet(study, what.value, path)
        case Format.CSV:
            with path.open("w", newline="", encoding="utf-8") as file:
                write_csv(rows(study, what.value), file)
        case Format.JSONL:
            with path.open("w", encoding="utf-8") as file:
                write_json_lines(rows(study, what.value), file)
