"""`paceline replay`: whether this version of Paceline would decide the same again."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import msgspec
import typer

from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName
from paceline.cli.output import Note, answer
from paceline.cli.studies import loaded
from paceline.errors import SettingError, SpaceError
from paceline.events import AnyEvent, encode
from paceline.history import ReplayReport
from paceline.study import Study


def replay(study: StudyName = None, storage: StorageUrl = DEFAULT_STORAGE, *, as_json: AsJson = False) -> None:
    """Derive every recorded decision again from the facts before it. Exits 1 at the first difference."""
    with loaded(storage, study) as (_, found):
        report = found.replay()
