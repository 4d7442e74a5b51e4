"""The journal: where events are kept, one row each, in the order in which they were recorded.

The primary key is (study, seq), and an append states the seq that it expects to be next. Whoever appends to a study
that somebody else has written to since fails on that first write: that is the fence, and it needs no lock. On top of
it, a study's row names its holder, so that a second driver is told who is at work before it writes anything; a holder
whose process is gone is no holder.

One code path for every database, on SQLAlchemy Core; SQLite by default (write-ahead log, each transaction synced to
disk), PostgreSQL by URL, a list in memory for simulation. What is stored is JSON text: opening it executes nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import msgspec

from paceline.errors import JournalConflict, SchemaError, SettingError, StorageError, StudyNotFoundError
from paceline.events import SCHEMA_VERSION, AnyEvent, decode, encode

if TYPE_CHECKING:
    from sqlalchemy import Engine

Entry = tuple[float, AnyEvent]
"""When it was recorded (seconds since the epoch, or virtual) and what happened."""

HEARTBEAT_S = 5.0
"""How often a driver says that it is alive."""
PATIENCE_S = 60.0
"""How long a driver on another machine may be silent before its study is free to take."""


class Journal(Protocol):
    """The events of one study."""

    heartbeat_s: float | None
    """How often `keep_alive` wants to be called, in seconds; `None` is never."""

    @property
    def length(self) -> int:
        """Events that this journal object has read or written: the seq that its next append expects."""
        ...

    def read(self) -> Iterator[Entry]:
        """The events after those that were read or written before, in order."""
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Add events, all or none, durably.

        Raises:
            JournalConflict: somebody else has written since; nothing was added.
            StorageError: the storage failed; nothing was added.
        """
        ...

    def acquire(self) -> None:
        """Become the study's holder.

        Raises:
            JournalConflict: somebody alive holds it.
        """
        ...

    def keep_alive(self) -> None:
        """Say that the holder is alive, when it is time to."""
        ...

    def release(self) -> None:
        """Hold it no longer."""
        ...


class Storage(Protocol):
    """A place where studies are kept."""

    url: str

    def journal(self, study: str) -> Journal:
        """The journal of the study of that name; it exists from its first append on."""
        ...

    def exists(self, study: str) -> bool:
        """Whether there is a study of that name."""
        ...

    def studies(self) -> list[str]:
        """The names of all studies, in the order of creation."""
        ...

    def delete(self, study: str) -> None:
        """Remove a study and all its events.

        Raises:
            StudyNotFoundError: there is none of that name.
            JournalConflict: somebody is driving it.
        """
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


# In memory -----------------------------------------------------------------------------------------------------


class MemoryJournal:
    """A journal that lives as long as its process: for simulation, tests, and studies that need not last."""

    heartbeat_s = None

    def __init__(self, entries: list[Entry] | None = None) -> None:
        self.entries: list[Entry] = [] if entries is None else entries
        self.length = 0

    def read(self) -> Iterator[Entry]:
        """The events after those that were read or written before."""
        while self.length < len(self.entries):
            self.length += 1
            yield self.entries[self.length - 1]

    def append(self, entries: Sequence[Entry]) -> None:
        """Add events.

        Raises:
            JournalConflict: somebody else has written since.
        """
        if self.length != len(self.entries):
            raise JournalConflict(f"expected event {self.length} to be next, but there are {len(self.entries)}")
        self.entries.extend(entries)
        self.length = len(self.entries)

    def acquire(self) -> None:
        """Nobody else can reach it: nothing to do."""

    def keep_alive(self) -> None:
        """Nothing to do."""

    def release(self) -> None:
        """Nothing to do."""


class MemoryStorage:
    """Studies in memory."""

    def __init__(self) -> None:
        self.url = "memory:"
        self._studies: dict[str, list[Entry]] = {}

    def journal(self, study: str) -> MemoryJournal:
        """The study's journal."""
        return MemoryJournal(self._studies.setdefault(study, []))

    def exists(self, study: str) -> bool:
        """Whether it has any event."""
        return bool(self._studies.get(study))

    def studies(self) -> list[str]:
        """All that have any event."""
        return [name for name, entries in self._studies.items() if entries]

    def delete(self, study: str) -> None:
        """Forget a study.

        Raises:
            StudyNotFoundError: there is none of that name.
        """
        if not self.exists(study):
            raise not_found(study, self)
        del self._studies[study]

    def close(self) -> None:
        """Nothing is held."""


# In a database -------------------------------------------------------------------------------------------------


class Holder(msgspec.Struct, frozen=True):
    """Who drives a study: enough to tell whether it still does."""

    token: str
    user: str
    host: str
    process: int
    started: str

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.user}@{self.host}, process {self.process}"

    @classmethod
    def me(cls) -> Holder:
        """A holder for this process; each call gives another token."""
        return cls(uuid4().hex, _user(), socket.gethostname(), os.getpid(), _start_of(os.getpid()))

    def is_alive(self, silent_s: float) -> bool:
        """Whether the process exists, on this machine; whether it was heard of lately, on another."""
        if self.host != socket.gethostname():
            return silent_s < PATIENCE_S
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it exists, and is somebody else's
        return _start_of(self.process) == self.started  # another process may have inherited the number


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
        self._tables = _tables()
        self._is_ready = self._check_schema()

    def journal(self, study: str) -> SqlJournal:
        """The study's journal."""
        return SqlJournal(self, study)

    def exists(self, study: str) -> bool:
        """Whether there is a study of that name."""
        return self.study_id(study) is not None

    def studies(self) -> list[str]:
        """The names of all studies, in the order of creation."""
        if not self._is_ready:
            return []
        from sqlalchemy import select  # noqa: PLC0415 - imported when a database is used: `import paceline` stays fast

        table = self._tables.studies
        with self.transaction("list the studies") as connection:
            return [row.name for row in connection.execute(select(table.c.name).order_by(table.c.id))]

    def delete(self, study: str) -> None:
        """Remove a study and all its events.

        Raises:
            StudyNotFoundError: there is none of that name.
            JournalConflict: somebody is driving it.
        """
        from sqlalchemy import delete  # noqa: PLC0415

        number = self.study_id(study)
        if number is None:
            raise not_found(study, self)
        self.journal(study).acquire()
        with self.transaction(f"delete study {study!r}") as connection:
            connection.execute(delete(self._tables.events).where(self._tables.events.c.study == number))
            connection.execute(delete(self._tables.studies).where(self._tables.studies.c.id == number))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def study_id(self, study: str) -> int | None:
        """The number under which the study's events are kept."""
        if not self._is_ready:
            return None
        from sqlalchemy import select  # noqa: PLC0415

        table = self._tables.studies
        with self.transaction(f"look up study {study!r}") as connection:
            number: int | None = connection.scalar(select(table.c.id).where(table.c.name == study))
            return number

    def make_ready(self) -> None:
        """Create the tables: done before the first write, so that looking at a database changes nothing."""
        if self._is_ready:
            return
        from sqlalchemy import insert  # noqa: PLC0415

        self._use_write_ahead_log()
        with self.transaction("create the tables") as connection:
            self._tables.metadata.create_all(connection)
            connection.execute(insert(self._tables.schema).values(version=SCHEMA_VERSION))
        self._is_ready = True

    def _use_write_ahead_log(self) -> None:
        """Readers never wait for the driver, nor it for them. SQLite keeps this in the file, so once is enough."""
        if self._file is not None:
            with self.transaction("set the journal mode") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")

    @contextmanager
    def transaction(self, doing: str) -> Iterator[Any]:
        """One transaction; what goes wrong in the database is told with the URL and what was being done.

        Raises:
            StorageError: the database failed.
        """
        from sqlalchemy.exc import IntegrityError, SQLAlchemyError  # noqa: PLC0415

        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip()
            raise StorageError(f"{self.url}: could not {doing}: {cause}. {_advice(cause)}") from error

    def _check_schema(self) -> bool:
        """Whether the tables are there, in this version."""
        if self._file is not None and not self._file.exists():
            return False  # to connect would create it
        from sqlalchemy import inspect, select  # noqa: PLC0415

        with self.transaction("open the database") as connection:
            if not inspect(connection).has_table(self._tables.schema.name):
                return False
            version = connection.scalar(select(self._tables.schema.c.version))
        if version is None or version > SCHEMA_VERSION:
            raise SchemaError(
                f"{self.url}: its schema is version {version}, and this Paceline knows up to {SCHEMA_VERSION}. "
                "Upgrade Paceline to open it; nothing was changed."
            )
        return True


class SqlJournal:
    """The events of one study in a database. See `Journal`."""

    heartbeat_s = HEARTBEAT_S

    def __init__(self, storage: SqlStorage, study: str) -> None:
        self.length = 0
        self._storage = storage
        self._study = study
        self._number = storage.study_id(study)
        self._me: Holder | None = None
        self._heard_at = 0.0

    def read(self) -> Iterator[Entry]:
        """The events after those that were read or written before."""
        if self._number is None:
            self._number = self._storage.study_id(self._study)
        if self._number is None:
            return
        from sqlalchemy import select  # noqa: PLC0415

        events = self._storage._tables.events  # noqa: SLF001 - one module, two classes
        query = (
            select(events.c.at, events.c.event)
            .where(events.c.study == self._number, events.c.seq >= self.length)
            .order_by(events.c.seq)
            .execution_options(yield_per=5000)
        )
        with self._storage.transaction(f"read study {self._study!r}") as connection:
            for batch in connection.execute(query).partitions():
                for at, line in batch:
                    event = decode(line)
                    self.length += 1
                    yield at, event

    def append(self, entries: Sequence[Entry]) -> None:
        """Add events, in one transaction.

        Raises:
            JournalConflict: somebody else has written since; nothing was added.
            StorageError: the database failed; nothing was added.
        """
        from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

        number = self._study_number()
        rows = [
            {"study": number, "seq": seq, "at": at, "event": encode(event)}
            for seq, (at, event) in enumerate(entries, start=self.length)
        ]
        try:
            with self._storage.transaction(f"write to study {self._study!r}") as connection:
                connection.execute(self._storage._tables.add_events, rows)  # noqa: SLF001
                if self._me is not None and time.time() - self._heard_at > HEARTBEAT_S:
                    self._beat(connection)
        except IntegrityError as error:
            raise self._conflict() from error
        self.length += len(rows)

    def acquire(self) -> None:
        """Become the study's holder.

        Raises:
            JournalConflict: somebody alive holds it.
        """
        from sqlalchemy import select, update  # noqa: PLC0415

        number = self._study_number()
        table = self._storage._tables.studies  # noqa: SLF001
        me = Holder.me()
        now = time.time()
        with self._storage.transaction(f"take up study {self._study!r}") as connection:
            row = connection.execute(select(table.c.holder, table.c.heard_at).where(table.c.id == number)).one()
            if row.holder is not None:
                holder = msgspec.json.decode(row.holder, type=Holder)
                if holder.is_alive(now - row.heard_at):
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
        if self._me is None or time.time() - self._heard_at <= HEARTBEAT_S:
            return
        with self._storage.transaction(f"hold study {self._study!r}") as connection:
            self._beat(connection)

    def release(self) -> None:
        """Hold it no longer."""
        if self._me is None:
            return
        from sqlalchemy import update  # noqa: PLC0415

        table = self._storage._tables.studies  # noqa: SLF001
        with self._storage.transaction(f"let go of study {self._study!r}") as connection:
            connection.execute(update(table).where(table.c.id == self._number, self._is_mine()).values(holder=None))
        self._me = None

    def _beat(self, connection: Any) -> None:
        from sqlalchemy import update  # noqa: PLC0415

        table = self._storage._tables.studies  # noqa: SLF001
        now = time.time()
        beaten = connection.execute(
            update(table).where(table.c.id == self._number, self._is_mine()).values(heard_at=now)
        )
        if beaten.rowcount != 1:
            raise self._conflict()
        self._heard_at = now

    def _is_mine(self) -> Any:
        me = msgspec.json.encode(self._me).decode()
        return self._storage._tables.studies.c.holder == me  # noqa: SLF001

    def _study_number(self) -> int:
        """The study's number; the study comes to be if it did not exist."""
        if self._number is not None:
            return self._number
        from sqlalchemy import insert  # noqa: PLC0415
        from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

        self._storage.make_ready()
        try:
            with self._storage.transaction(f"create study {self._study!r}") as connection:
                made = connection.execute(insert(self._storage._tables.studies).values(name=self._study))  # noqa: SLF001
                self._number = made.inserted_primary_key[0]
        except IntegrityError as error:  # made by somebody else at this very moment
            raise self._conflict() from error
        return self._number

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


def open_storage(url: str | os.PathLike[str] | Storage) -> Storage:
    """The storage at a URL; a path ending in .db stands for its SQLite URL, "memory:" for memory.

    Raises:
        SettingError: it is no URL that SQLAlchemy knows.
        StorageError: the database cannot be opened.
        SchemaError: it was made by a newer version.
    """
    if not isinstance(url, str | os.PathLike):
        return url
    text = os.fspath(url)
    if text in {"memory:", ":memory:", "sqlite://", "sqlite:///:memory:"}:
        return MemoryStorage()
    if "://" not in text:
        if not text.endswith((".db", ".sqlite", ".sqlite3")):
            raise SettingError(
                "storage",
                text,
                expected='a database URL such as "sqlite:///study.db" or "postgresql+psycopg://user@host/name", '
                'a path that ends in ".db", or "memory:"',
            )
        text = f"sqlite:///{text}"
    return SqlStorage(text)


def _engine(url: str) -> Engine:
    from sqlalchemy import create_engine, event  # noqa: PLC0415
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: PLC0415

    try:
        parsed = make_url(url)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SettingError("storage", url, expected='a database URL such as "sqlite:///study.db"') from error
    except ModuleNotFoundError as error:
        raise SettingError(
            "storage",
            parsed.render_as_string(hide_password=True),
            expected=f"the driver {error.name!r} to be installed",
            hint="For PostgreSQL: pip install 'paceline[postgres]'.",
        ) from error
    if parsed.get_backend_name() == "sqlite":
        _refuse_bad_file(Path(parsed.database or ""), parsed.render_as_string())
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _refuse_bad_file(path: Path, url: str) -> None:
    """SQLite's own words for these are "unable to open database file"."""
    if path.is_dir():
        raise StorageError(f"{url}: {path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise StorageError(f"{url}: the folder {path.parent} does not exist; create it first.")


def _set_up_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute("PRAGMA synchronous = FULL")  # a transaction that returned survives a power cut
    cursor.close()


class _Tables:
    """The three tables, made once."""

    def __init__(self) -> None:
        from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, Table, Text, insert  # noqa: PLC0415

        self.metadata = MetaData()
        self.schema = Table("paceline_schema", self.metadata, Column("version", Integer, primary_key=True))
        self.studies = Table(
            "paceline_studies",
            self.metadata,
            Column("id", Integer, primary_key=True),
            Column("name", Text, nullable=False, unique=True),
            Column("holder", Text),
            Column("heard_at", Float, nullable=False, default=0.0),
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


def not_found(study: str, storage: Storage) -> StudyNotFoundError:
    """The error for a name that the storage does not know; it lists those that it does."""
    names = ", ".join(map(repr, storage.studies())) or "none"
    return StudyNotFoundError(f"{storage.url}: there is no study {study!r}; there are: {names}.")


def _advice(cause: str) -> str:
    for sign, advice in {
        "full": "Free some disk space and run again: it continues where the study is.",
        "readonly": "Make the file and its folder writable, or name another storage.",
        "unable to open": "Check that the folder exists and is writable.",
        "not a database": "The file is something else; name another one.",
        "malformed": "The file is damaged; restore it from a copy.",
        "locked": "Another program holds the file; end it and run again.",
        "onnect": "Check that the server runs and that the URL's host, port, user and password are right.",
    }.items():
        if sign in cause:
            return advice
    return "What was recorded before is intact."


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())


def _start_of(process: int) -> str:
    """When a process of this machine started, as the kernel counts; empty where that cannot be told."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
