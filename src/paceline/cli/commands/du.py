"""`paceline du`: what studies take on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from paceline.cli.options import DEFAULT_STORAGE, AsJson, Folder, StorageUrl, StudyName
from paceline.cli.output import Block, Facts, Table, answer
from paceline.cli.studies import named, opened
from paceline.journal import Storage
from paceline.study import study_folder
from paceline.wording import size


class StudyUsage(msgspec.Struct, frozen=True):
    """Bytes of one study's files: its checkpoints by trial, and its workers' logs."""

    study: str
    folder: Path
    checkpoints_bytes: int
    logs_bytes: int
    trials: dict[str, int]


def du(
    study: StudyName = None, storage: StorageUrl = DEFAULT_STORAGE, folder: Folder = None, *, as_json: AsJson = False
) -> None:
    """Bytes on disk: checkpoints per study and trial, logs, and the journal of the whole storage."""
    with opened(storage) as place:
        names = place.studies() if study is None else [named(place, study)]
        usages = [_usage(place, name, folder) for name in names]
        journal_bytes = _journal_bytes(place.url)
        document: dict[str, Any] = {"storage": place.url, "journal_bytes": journal_bytes, "studies": usages}
        answer(document, _blocks(usages, journal_bytes), as_json=as_json)
