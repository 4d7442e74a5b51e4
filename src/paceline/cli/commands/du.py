"""`paceline du`: what studies take on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec

from paceline.checkpoints import CheckpointStore
from paceline.cli.options import DEFAULT_STORAGE, AsJson, Folder, StorageUrl, StudyName
from paceline.cli.output import Block, Facts, Note, Table, answer
from paceline.cli.studies import named, opened
from paceline.folders import study_folder
from paceline.journal import Storage
from paceline.wording import size


class StudyUsage(msgspec.Struct, frozen=True):
    """Bytes of one study's files; `trials` are the checkpoints' bytes by trial."""

    study: str
    folder: Path
    checkpoints_bytes: int
    logs_bytes: int
    trials: dict[int, int]


class Usage(msgspec.Struct, frozen=True):
    """The document of `paceline du --json`. A database on a server does not say what its journal takes."""

    storage: str
    journal_bytes: int | None
    studies: list[StudyUsage]


def du(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    folder: Folder = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what studies take on disk.

    Checkpoints by study and trial, workers' logs, and the journal that all studies of the storage share.
    """
    with opened(storage) as place:
        names = place.studies() if study is None else [named(place, study)]
        usage = Usage(
            place.url, _journal_bytes(place.url), [_of_study(place, name, folder) for name in names]
        )
    answer(usage, _blocks(usage), as_json=as_json)


def _of_study(storage: Storage, name: str, folder: Path | None) -> StudyUsage:
    """From the files alone: a study whose scheduler is not installed here takes space too."""
    files = study_folder(name, storage.url, folder)
    checkpoints = files / "checkpoints"
    trials = {
        int(path.name): _tree_bytes(path)
        for path in sorted(checkpoints.glob("[0-9]*"))
        if path.name.isdecimal()
    }
    return StudyUsage(name, files, _tree_bytes(checkpoints), _tree_bytes(files / "logs"), trials)


def _tree_bytes(folder: Path) -> int:
    return CheckpointStore(folder).usage_bytes()


def _journal_bytes(url: str) -> int | None:
    """SQLite's file and the two that it keeps beside it while somebody writes."""
    if not url.startswith("sqlite:///"):
        return None
    path = Path(url.removeprefix("sqlite:///").partition("?")[0])
    files = (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")))
    return sum(file.stat().st_size for file in files if file.exists())


def _blocks(usage: Usage) -> list[Block]:
    if not usage.studies:
        return [Note(f"{usage.storage} holds no study.")]
    journal = "unknown: ask the server" if usage.journal_bytes is None else size(usage.journal_bytes)
    rows = [
        (of.study, trial, size(n_bytes), n_bytes)
        for of in usage.studies
        for trial, n_bytes in (
            *((str(trial), n_bytes) for trial, n_bytes in of.trials.items()),
            ("all checkpoints", of.checkpoints_bytes),
            ("logs", of.logs_bytes),
        )
    ]
    return [
        Facts([("storage", usage.storage), ("journal", journal)]),
        Table(("study", "trial", "size", "bytes"), rows),
    ]
