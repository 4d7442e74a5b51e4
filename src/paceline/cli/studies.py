"""Which study a command is about, and opening it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paceline.errors import StudyNotFoundError
from paceline.journal import Storage, not_found, open_storage
from paceline.study import Study


@contextmanager
def opened(url: str) -> Iterator[Storage]:
    """The storage at a URL, closed at the end.

    Raises:
        SettingError: it is no URL.
        StorageError: it cannot be opened.
    """
    storage = open_storage(url)
    try:
        yield storage
    finally:
        storage.close()


@contextmanager
def loaded(url: str, study: str | None, folder: Path | None = None) -> Iterator[Study]:
    """A study of the storage, to look at.

    Raises:
        StudyNotFoundError: there is none of that name, or none was named and there is not exactly one.
        StorageError: the storage cannot be opened.
    """
    with opened(url) as storage:
        yield Study.load(named(storage, study), storage, folder=folder)


def named(storage: Storage, study: str | None) -> str:
    """The name of the study that is meant.

    Raises:
        StudyNotFoundError: there is none of that name, or none was named and there is not exactly one.
    """
    if study is not None:
        if not storage.exists(study):
            raise _missing(storage, study)
        return study
    names = storage.studies()
    if len(names) == 1:
        return names[0]
    if not names:
        raise _missing(storage, None)
    raise StudyNotFoundError(
        f"{storage.url} holds {len(names)} studies; name one of them: {', '.join(names)}."
    )


def _missing(storage: Storage, study: str | None) -> StudyNotFoundError:
    if storage.studies():
        return not_found(str(study), storage)
    return StudyNotFoundError(
        f"{storage.url} holds no study. Name another storage with --storage or in PACELINE_STORAGE."
    )
