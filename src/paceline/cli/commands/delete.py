"""`paceline delete`: remove a study and its files."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from paceline.cli.options import DEFAULT_STORAGE, AsJson, Folder, StorageUrl
from paceline.cli.output import Note, answer
from paceline.cli.studies import named, opened
from paceline.study import study_folder


def delete(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The study; it must be named.")],
    storage: StorageUrl = DEFAULT_STORAGE,
    folder: Folder = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_files: Annotated[bool, typer.Option("--keep-files", help="Keep checkpoints and logs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a study: its journal, and its checkpoints and logs. There is no way back."""
    with opened(storage) as place:
        name = named(place, study)
        files = study_folder(name, place.url, folder)
        what = f"study {name!r} of {place.url}" + ("" if keep_files else f" and the files in {files}")
        if not yes:
            _ask(what)
        place.delete(name)  # first: it fails if somebody drives the study, and then the files are needed
        if not keep_files:
            shutil.rmtree(files, ignore_errors=True)
        has_left = files.exists() and not keep_files
        left = f" Some files could not be deleted; see {files}." if has_left else ""
        document = {"study": name, "storage": place.url, "files": files, "files_kept": files.exists()}
        answer(document, [Note(f"deleted {what}.{left}")], as_json=as_json)


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"would delete {what}; confirm with --yes where nobody can be asked.")
    typer.confirm(f"Delete {what}?", abort=True, err=True)
