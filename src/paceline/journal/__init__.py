"""The journal: where events are kept, one row each, in the order in which they were recorded.

`protocol` says what a journal must keep, `sql` keeps it in any database that SQLAlchemy reaches (SQLite by default),
`memory` for as long as the process lives. `open_storage` finds the one that a URL means.
"""

from __future__ import annotations

import os

from paceline.errors import SettingError
from paceline.journal.memory import MemoryJournal, MemoryStorage
from paceline.journal.protocol import Entry, Journal, Storage, not_found

__all__ = ["Entry", "Journal", "MemoryJournal", "MemoryStorage", "Storage", "not_found", "open_storage"]

_SUFFIXES = (".db", ".sqlite", ".sqlite3")


def open_storage(url: str | os.PathLike[str] | Storage) -> Storage:
    """The storage at a URL; a path ending in .db stands for its SQLite URL, "memory:" for memory.

    Raises:
        SettingError: it is no URL that SQLAlchemy knows.
        StorageError: the database cannot be opened.
        SchemaError: it was made by a newer version.
    """
    if isinstance(url, Storage) and not isinstance(url, type):
        return url
    text = os.fspath(url) if isinstance(url, str | os.PathLike) else ""
    if text in {"memory:", ":memory:", "sqlite://", "sqlite:///:memory:"}:
        return MemoryStorage()
    if "://" not in text:
        if text.startswith("sqlite:") or not text.endswith(_SUFFIXES):
            raise SettingError(
                "storage",
                text or url,
                expected='a database URL such as "sqlite:///study.db" or "postgresql+psycopg://user@host/name", '
                'a path that ends in ".db", or "memory:"',
            )
        text = f"sqlite:///{text}"
    from paceline.journal.sql import SqlStorage  # noqa: PLC0415 - SQLAlchemy is imported when a database is used

    return SqlStorage(text)
