"""The journal in a database, by way of SQLAlchemy Core: one code path for SQLite, PostgreSQL and the others.

The primary key is (study, seq), and an append states the seq that it expects to be next: whoever appends to a study
that somebody else has written to since fails on that first write. What is stored is JSON text: opening it executes
nothing. SQLite keeps a write-ahead log, so that readers never wait for the driver.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from paceline.errors import JournalConflict, SchemaError, SettingError, StorageError
from paceline.events import SCHEMA_VERSION, AnyEvent, decode, encode
from paceline.journal.holder import HEARTBEAT_S, Holder, living_holder
from paceline.journal.protocol import Entry, not_found

_log = logging.getLogger(__name__)

SYNC_EVERY_S = 0.1
"""How often at most a stream of transactions to SQLite waits for the disk.

A transaction that has returned survives the death of every process: the operating system has it. To survive a power cut
too it must be on the disk itself, which takes milliseconds. The first transaction after a pause waits for that; those
that follow within this time do not, and are on the disk with the next one that waits, or when the driver next looks up
(half a second later at most; by ask and tell, or when training in the driver's own process, with the next report). A
power cut can take that much of the end; the journal is consistent all the same.
"""


class SqlStorage:
    """Studies in a database that SQLAlchemy can reach.

    Args:
        url: such as `sqlite:///study.db` or `postgresql+psycopg://user@host/name`.

    Raises:
        SettingError: it is no such URL, or its driver is not installed.
        StorageError: the database cannot be opened.
        SchemaError: its tables were made by a newer version.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self.url = self._engine.url.render_as_string(hide_password=True)
        is_file = self._engine.url.get_backend_name() == "sqlite"
        self._file = Path(self._engine.url.database or "") if is_file else None
        self.tables = _tables()
        try:
            self._is_ready = self._check_schema()
        except BaseException:
            self.close()
            raise

    def journal(self, study: str) -> SqlJournal:
        """The study's journal."""
        return SqlJournal(self, study)

    def exists(self, study: str) -> bool:
        """Whether there is a study of that name."""
        return study in self.studies()

    def studies(self) -> list[str]:
        """The names of all studies, in the order of creation."""
        if not self._has_tables():
            return []

        table = self.tables.studies
        with self.transaction("list the studies") as connection:
            begun = select(table.c.name).join(self.tables.events).where(self.tables.events.c.seq == 0)
            return list(connection.scalars(begun.order_by(table.c.id)))

    def holder(self, study: str) -> str | None:
        """Who drives the study at this moment, for people; `None` if nobody does."""
        if not self._has_tables():
            return None
        table = self.tables.studies
        query = select(table.c.holder, table.c.heard_at).where(table.c.name == study)
        with self.transaction(f"look up study {study!r}") as connection:
            row = connection.execute(query).one_or_none()
        holder = None if row is None else living_holder(row.holder, row.heard_at)
        return None if holder is None else str(holder)

    def delete(self, study: str) -> None:
        """Remove a study and all its events.

        Raises:
            StudyNotFoundError: there is none of that name.
            JournalConflict: somebody is driving it.
        """
        number = self.study_id(study)
        if number is None or not self.exists(study):
            raise not_found(study, self)
        journal = self.journal(study)
        journal.acquire()
        try:
            with self.transaction(f"delete study {study!r}") as connection:
                connection.execute(delete(self.tables.events).where(self.tables.events.c.study == number))
                connection.execute(delete(self.tables.studies).where(self.tables.studies.c.id == number))
        finally:
            journal.release()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def study_id(self, study: str) -> int | None:
        """The number under which the study's events are kept."""
        if not self._has_tables():
            return None

        table = self.tables.studies
        with self.transaction(f"look up study {study!r}") as connection:
            number: int | None = connection.scalar(select(table.c.id).where(table.c.name == study))
            return number

    def make_ready(self) -> None:
        """Create the tables: done before the first write, so that looking at a database changes nothing."""
        if self._has_tables():
            return

        self._use_write_ahead_log()
        with self.transaction("create the tables") as connection:
            if self._file is not None:
                # sqlite3 begins no transaction for CREATE TABLE: a kill in between would leave half of them.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            self.tables.metadata.create_all(connection)
            # Somebody else may have made all of it while this process waited for its turn.
            if connection.scalar(select(self.tables.schema.c.version)) is None:
                connection.execute(insert(self.tables.schema).values(version=SCHEMA_VERSION))
        self._is_ready = True

    def _use_write_ahead_log(self) -> None:
        """Readers never wait for the driver, nor it for them. SQLite keeps this in the file, so once is enough."""
        if self._file is not None:
            with self.transaction("set the journal mode") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")

    @contextmanager
    def transaction(self, doing: str, *, sync: bool = True) -> Iterator[Connection]:
        """One transaction; what goes wrong in the database is told with the URL and what was being done.

        Args:
            doing: for the message, as in "could not ...".
            sync: whether SQLite waits until it is on the disk; see `SYNC_EVERY_S`.

        Raises:
            StorageError: the database failed.
        """
        try:
            with self._engine.begin() as connection:
                if self._file is not None:
                    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip()
            raise StorageError(f"{self.url}: could not {doing}: {cause}. {_advice(cause)}") from error

    def _has_tables(self) -> bool:
        """Whether there is anything to read. Asked again until there is: somebody else may make it meanwhile."""
        self._is_ready = self._is_ready or self._check_schema()
        return self._is_ready

    def _check_schema(self) -> bool:
        """Whether the tables are there, in this version."""
        if self._file is not None and not self._file.exists():
            return False  # to connect would create it

        with self.transaction("open the database") as connection:
            names = inspect(connection).get_table_names()  # asked once: they may be made at this very moment
            if self.tables.schema.name not in names:
                self._refuse_what_is_anothers(names)
                return False
            version = connection.scalar(select(self.tables.schema.c.version))
        if not isinstance(version, int):
            raise SchemaError(
                f"{self.url}: its schema is version {version!r}, expected a number up to {SCHEMA_VERSION}. The database was "
                "damaged: restore it from a copy. Nothing was changed."
            )
        if version > SCHEMA_VERSION:
            raise SchemaError(
                f"{self.url}: its schema is version {version}, and this Paceline knows up to {SCHEMA_VERSION}. "
                "Upgrade Paceline to open it; nothing was changed."
            )
        return True

    def _refuse_what_is_anothers(self, tables: Sequence[str]) -> None:
        """A file belongs to one program; a server's database may be shared."""
        if self._file is not None and tables:
            raise SchemaError(
                f"{self.url}: it is a database of something else (tables {', '.join(sorted(tables)[:5])}); expected one of "
                "Paceline's, or no file yet. Name another file. Nothing was changed."
            )


class SqlJournal:
    """The events of one study in a database. See `Journal`."""

    heartbeat_s: float | None = HEARTBEAT_S

    def __init__(self, storage: SqlStorage, study: str) -> None:
        self.length = 0
        self._storage = storage
        self._study = study
        self._number = storage.study_id(study)
        self._me: Holder | None = None
        self._heard_at = 0.0
        self._synced_at = -SYNC_EVERY_S
        self._is_unsynced = False

    def read(self) -> Iterator[Entry]:
        """The events after those that were read or written before."""
        if self._number is None:
            self._number = self._storage.study_id(self._study)
        if self._number is None:
            return

        events = self._storage.tables.events
        query = (
            select(events.c.seq, events.c.at, events.c.event)
            .where(events.c.study == self._number, events.c.seq >= self.length)
            .order_by(events.c.seq)
            .execution_options(yield_per=5000)
        )
        with self._storage.transaction(f"read study {self._study!r}") as connection:
            for batch in connection.execute(query).partitions():
                for seq, at, line in batch:
                    event = self._decoded(seq, line, self.length)
                    self.length += 1
                    yield at, event

    def first(self) -> AnyEvent | None:
        """The first event, if there is one."""
        if self._number is None:
            return None

        events = self._storage.tables.events
        of_study = select(events.c.seq, events.c.event).where(events.c.study == self._number)
        with self._storage.transaction(f"read study {self._study!r}") as connection:
            row = connection.execute(of_study.order_by(events.c.seq).limit(1)).one_or_none()
        return None if row is None else self._decoded(row.seq, row.event, 0)

    def _decoded(self, seq: int, line: str, expected: int) -> AnyEvent:
        """The event in a row.

        Raises:
            SchemaError: it is none, or the one that should stand there is missing.
        """
        where = f"{self._storage.url}: study {self._study!r}"
        if seq != expected:
            raise SchemaError(
                f"{where}: event {expected} of its journal is missing; the next one there is event {seq}. The database was "
                "damaged: restore it from a copy. Nothing was changed."
            )
        try:
            return decode(line)
        except SchemaError as error:
            raise SchemaError(f"{where}, event {seq}: {error}") from error

    def append(self, entries: Sequence[Entry]) -> None:
        """Add events, in one transaction.

        Raises:
            JournalConflict: somebody else has written since; nothing was added.
            StorageError: the database failed; nothing was added.
        """
        if not entries:
            return
        number = self._study_number()
        rows = [
            {"study": number, "seq": seq, "at": at, "event": encode(event)}
            for seq, (at, event) in enumerate(entries, start=self.length)
        ]
        try:
            sync = self._is_sync_due
            with self._storage.transaction(f"write to study {self._study!r}", sync=sync) as connection:
                connection.execute(self._storage.tables.add_events, rows)
                if self._me is not None and time.time() - self._heard_at > HEARTBEAT_S:
                    self._beat(connection)
        except IntegrityError as error:
            raise self._conflict() from error
        self.length += len(rows)
        self._is_unsynced = not sync
        if sync:
            self._synced_at = time.monotonic()

    def acquire(self) -> None:
        """Become the study's holder.

        Raises:
            JournalConflict: somebody alive holds it.
        """
        number = self._study_number()
        table = self._storage.tables.studies
        me = Holder.me()
        now = time.time()
        with self._storage.transaction(f"take up study {self._study!r}") as connection:
            row = connection.execute(
                select(table.c.holder, table.c.heard_at).where(table.c.id == number)
            ).one_or_none()
            if row is None:  # it was deleted
                raise self._conflict()
            holder = living_holder(row.holder, row.heard_at)
            if holder is not None:
                raise self._held_by(holder, now - row.heard_at)
            taken = connection.execute(
                update(table)
                .where(table.c.id == number, table.c.holder.is_not_distinct_from(row.holder))
                .values(holder=msgspec.json.encode(me).decode(), heard_at=now)
            )
            if taken.rowcount != 1:
                raise self._conflict()
        self._me, self._heard_at = me, now

    def keep_alive(self) -> None:
        """Say that the holder is alive, when it is time to.

        Raises:
            JournalConflict: somebody else has taken the study meanwhile.
        """
        is_silent = time.time() - self._heard_at > HEARTBEAT_S
        if self._me is None or not (is_silent or (self._is_unsynced and self._is_sync_due)):
            return
        with self._storage.transaction(f"hold study {self._study!r}") as connection:
            self._beat(connection)
        self._is_unsynced, self._synced_at = False, time.monotonic()

    def release(self) -> None:
        """Hold it no longer. Where the database cannot be told, it will find the holder gone."""
        if self._me is None:
            return

        table = self._storage.tables.studies
        is_mine = self._is_mine()
        self._me.end()
        self._me = None
        try:
            with self._storage.transaction(f"let go of study {self._study!r}") as connection:
                connection.execute(
                    update(table).where(table.c.id == self._number, is_mine).values(holder=None)
                )
        except StorageError as error:  # whatever has failed before is what matters
            _log.warning("%s", error)

    @property
    def _is_sync_due(self) -> bool:
        """Whether the next transaction must be on the disk when it returns; see `SYNC_EVERY_S`."""
        return time.monotonic() - self._synced_at >= SYNC_EVERY_S

    def _beat(self, connection: Any) -> None:
        table = self._storage.tables.studies
        now = time.time()
        beaten = connection.execute(
            update(table).where(table.c.id == self._number, self._is_mine()).values(heard_at=now)
        )
        if beaten.rowcount != 1:
            raise self._conflict()
        self._heard_at = now

    def _is_mine(self) -> Any:
        me = msgspec.json.encode(self._me).decode()
        return self._storage.tables.studies.c.holder == me

    def _study_number(self) -> int:
        """The study's number; the study comes to be if it did not exist."""
        if self._number is not None:
            return self._number
        studies = self._storage.tables.studies
        self._storage.make_ready()
        try:
            with self._storage.transaction(f"create study {self._study!r}") as connection:
                connection.execute(insert(studies).values(name=self._study))
                number: int = connection.scalars(
                    select(studies.c.id).where(studies.c.name == self._study)
                ).one()
        except IntegrityError as error:  # made by somebody else at this very moment
            raise self._conflict() from error
        self._number = number
        return number

    def _conflict(self) -> JournalConflict:
        return JournalConflict(
            f"{self._storage.url}: somebody else has written to study {self._study!r} since this process read it: it "
            f"expected event {self.length} to be next. One driver at a time; nothing was written. See who drives it "
            f"with `paceline status`, then run again: it continues where the study is."
        )

    def _held_by(self, holder: Holder, silent_s: float) -> JournalConflict:
        return JournalConflict(
            f"{self._storage.url}: study {self._study!r} is being driven by {holder} (heard of {silent_s:.0f} s ago). "
            "One driver at a time; nothing was written. Wait until it has ended, or end that process, and run again."
        )


def _engine(url: str) -> Engine:

    shown = _without_password(url)
    try:
        engine = create_engine(make_url(url))
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SettingError(
            "storage",
            shown,
            expected='a database URL such as "sqlite:///study.db" or "postgresql+psycopg://user@host/name"',
            hint=f"SQLAlchemy says: {_without_password(str(error)).rstrip('.')}.",
        ) from error
    except ModuleNotFoundError as error:
        install = "paceline[postgres]" if url.startswith("postgresql") else error.name
        raise SettingError(
            "storage",
            shown,
            expected=f"the driver {error.name!r} to be installed",
            hint=f"Run: pip install '{install}'.",
        ) from error
    if engine.url.get_backend_name() == "sqlite":
        _refuse_bad_file(Path(engine.url.database or ""), str(engine.url))
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _without_password(text: str) -> str:
    """What may be shown of a URL, or of a sentence that holds one, however malformed."""
    return re.sub(r"(://[^:/?#\s]*:)[^@\s]*(@)", r"\1***\2", text)


def _refuse_bad_file(path: Path, url: str) -> None:
    """SQLite's own words for these are "unable to open database file"."""
    if path.is_dir():
        raise StorageError(f"{url}: {path} is a folder; name a file in it.")
    above = next((parent for parent in path.parents if parent.exists()), path.parent)
    if above.exists() and not above.is_dir():
        raise StorageError(f"{url}: {above} is a file, not a folder; name a folder that exists.")
    if not path.parent.is_dir():
        raise StorageError(f"{url}: the folder {path.parent} does not exist; create it first.")


def _set_up_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute("PRAGMA foreign_keys = ON")  # nobody can write to a study that was deleted
    cursor.close()


class _Tables:
    """The three tables, made once."""

    def __init__(self) -> None:

        self.metadata = MetaData()
        self.schema = Table("paceline_schema", self.metadata, Column("version", Integer, primary_key=True))
        self.studies = Table(
            "paceline_studies",
            self.metadata,
            Column("id", Integer, primary_key=True),
            Column("name", Text, nullable=False, unique=True),
            Column("holder", Text),
            Column("heard_at", Float, nullable=False, default=0.0),
            sqlite_autoincrement=True,  # a deleted study's number is never given to another: it is part of the fence
        )
        self.events = Table(
            "paceline_events",
            self.metadata,
            Column("study", ForeignKey("paceline_studies.id"), primary_key=True),
            Column("seq", Integer, primary_key=True, autoincrement=False),
            Column("at", Float, nullable=False),
            Column("event", Text, nullable=False),
            sqlite_with_rowid=False,
        )
        self.add_events = insert(self.events)


@cache
def _tables() -> _Tables:
    return _Tables()


def _advice(cause: str) -> str:
    for sign, advice in {
        "full": "Free some disk space and run again: it continues where the study is.",
        "readonly": "Make the file and its folder writable (SQLite writes beside it even to read), or use a copy.",
        "unable to open": "Check that the folder exists and is writable.",
        "disk I/O": "The disk failed, or a limit on the size of files or a quota was reached; make room and run again.",
        "no such": "Its tables are not those of this version, or damaged: restore it from a copy, or name another file.",
        "not a database": "The file is something else; name another one.",
        "malformed": "The file is damaged; restore it from a copy.",
        "locked": "Another program holds the file; end it and run again.",
        "onnect": "Check that the server runs and that the URL's host, port, user and password are right.",
    }.items():
        if sign in cause:
            return advice
    return "What was recorded before is intact."
