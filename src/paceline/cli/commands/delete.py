"""`paceline delete`: remove a study and its files."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from typing import Annotated

import typer

from paceline.cli.misuse import Misuse
from paceline.cli.options import DEFAULT_STORAGE, AsJson, Folder, StorageUrl
from paceline.cli.output import Note, answer
from paceline.cli.studies import named, opened
from paceline.folders import study_folder


def delete(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The study; it must be named.")],
    storage: StorageUrl = DEFAULT_STORAGE,
    folder: Folder = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_files: Annotated[bool, typer.Option("--keep-files", help="Keep checkpoints and logs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a study, its checkpoints and its logs.

    There is no way back. A study that is being driven is left alone.
    """
    with opened(storage) as place:
        name = named(place, study)
        files = study_folder(name, place.url, folder)
        what = f"study {name!r} of {place.url}"
        if not yes:
            _ask(what if keep_files else f"{what}, with its checkpoints and logs in {files}")
        place.delete(name)  # first: it fails if somebody drives the study, who needs the files
        if not keep_files:
            for own in ("checkpoints", "logs"):
                shutil.rmtree(files / own, ignore_errors=True)
            with suppress(OSError):
                files.rmdir()
        left = files if files.exists() else None
        note = "" if left is None else f"; its files are in {left}"
        document = {"study": name, "storage": place.url, "files": left}
        answer(document, [Note(f"deleted {what}{note}")], as_json=as_json)


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise Misuse(f"this would delete {what}; confirm with --yes where nobody can be asked.")
    typer.confirm(f"Delete {what}?", abort=True, err=True)
