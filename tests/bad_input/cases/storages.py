"""Storages that cannot be opened, and studies that are not the one that was meant."""

import sys
from unittest.mock import patch

from tests.bad_input.cases.case import Case, existing
from tests.bad_input.cases.spaces import small, space_with
from tests.bad_input.place import train

from paceline import ASHA, Budget, Constraint, Float, Hyperband, Integer
from paceline.errors import (
    JournalConflict,
    SchemaError,
    SettingError,
    StorageError,
    StudyMismatchError,
    StudyNotFoundError,
)

# Storage ---------------------------------------------------------------------------------------------------------------


def postgresql_without_driver(place):
    with patch.dict(sys.modules, {"psycopg": None}):
        place.study(storage="postgresql+psycopg://tuner:secret@db/studies")


def is_anothers(place):
    place.edit("CREATE TABLE customers (name TEXT)")


def is_damaged(statement):
    """A study whose database was changed by something else."""

    def damage(place):
        place.exists()
        place.edit(statement)

    return damage


def with_bytes_overwritten(place):
    place.exists()
    with place.db.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def is_read_only(place):
    place.exists()
    place.db.chmod(0o444)
    place.folder.chmod(0o555)


STORAGES = (
    Case(
        "`storage=7`",
        lambda p: p.study(storage=7),
        SettingError,
        ("storage=7", "sqlite:///study.db", "memory:"),
    ),
    Case(
        "`storage='my study'`",
        lambda p: p.study(storage="my study"),
        SettingError,
        ("storage='my study'", 'a path that ends in ".db"'),
    ),
    Case(
        "`storage='sqlite:/s.db'`, a slash too few",
        lambda p: p.study(storage="sqlite:/s.db"),
        SettingError,
        ("storage='sqlite:/s.db'", "sqlite:///study.db"),
    ),
    Case(
        "`storage='oracl://tuner:secret@db/studies'`",
        lambda p: p.study(storage="oracl://tuner:secret@db/studies"),
        SettingError,
        ("storage='oracl://tuner:***@db/studies'", "a database URL such as", "dialects:oracl"),
    ),
    Case(
        "`storage='postgresql://tuner:secret@db:port/studies'`",
        lambda p: p.study(storage="postgresql://tuner:secret@db:port/studies"),
        SettingError,
        ("storage='postgresql://tuner:***@db:port/studies'", "a database URL such as", "'port'"),
    ),
    Case(
        "a PostgreSQL URL where its driver is not installed",
        postgresql_without_driver,
        SettingError,
        (
            "storage='postgresql+psycopg://tuner:***@db/studies'",
            "the driver 'psycopg'",
            "pip install 'paceline[postgres]'",
        ),
    ),
    Case(
        "a folder that does not exist",
        lambda p: p.study(storage=p.folder / "runs" / "s.db"),
        StorageError,
        ("the folder {folder}/runs does not exist", "create it first"),
    ),
    Case(
        "a path below a file",
        lambda p: p.study(storage=p.folder / "notes" / "s.db"),
        StorageError,
        ("{folder}/notes is a file, not a folder",),
        given=lambda p: p.write("notes", "to do"),
    ),
    Case(
        "a folder instead of a file",
        lambda p: p.study(),
        StorageError,
        ("{folder}/s.db is a folder", "name a file in it"),
        given=lambda p: p.db.mkdir(),
        is_lost_cause=True,
    ),
    Case(
        "a file that is no database",
        lambda p: p.study(),
        StorageError,
        ("s.db: could not open the database", "not a database", "name another one"),
        given=lambda p: p.write("s.db", "loss, epoch\n" * 500),
        is_lost_cause=True,
    ),
    Case(
        "the database of another application",
        lambda p: p.study(),
        SchemaError,
        ("s.db: it is a database of something else", "customers", "Name another file", "Nothing was changed"),
        given=is_anothers,
        is_lost_cause=True,
    ),
    Case(
        "a place where no file can be made, such as `/proc`",
        lambda p: p.run(study={"storage": "/proc/s.db", "folder": p.folder}),
        StorageError,
        ("sqlite:////proc/s.db", "unable to open database file", "folder exists and is writable"),
    ),
    Case(
        "a folder that is read-only",
        lambda p: p.elsewhere("place.run()", as_nobody=True),
        SettingError,
        ("s-files/s'", "{folder} cannot be written to", "Name another one with folder="),
        given=lambda p: p.folder.chmod(0o555),
        is_lost_cause=True,
    ),
    Case(
        "a database that is read-only, in such a folder",
        lambda p: p.elsewhere("place.study()", as_nobody=True),
        StorageError,
        ("s.db: could not open the database", "readonly", "Make the file and its folder writable"),
        given=is_read_only,
        is_lost_cause=True,
    ),
    Case(
        "a database of a newer version",
        lambda p: p.study(),
        SchemaError,
        ("its schema is version 99", "knows up to 1", "Upgrade Paceline", "nothing was changed"),
        given=is_damaged("UPDATE paceline_schema SET version = 99"),
        is_lost_cause=True,
    ),
    Case(
        "a study that a newer version has recorded",
        lambda p: p.study(),
        SchemaError,
        ("study 's' was recorded in version 99", "Upgrade Paceline"),
        given=is_damaged(
            """UPDATE paceline_events SET event = replace(event, '"StudyOpened"', '"StudyOpened","schema":99')"""
        ),
        is_lost_cause=True,
    ),
    Case(
        "a database without a version",
        lambda p: p.study(),
        SchemaError,
        ("its schema is version None", "damaged", "restore it from a copy"),
        given=is_damaged("DELETE FROM paceline_schema"),
        is_lost_cause=True,
    ),
    Case(
        "a journal with an event that nobody knows",
        lambda p: p.study(),
        SchemaError,
        (
            "study 's', event 7",
            "no event of schema 1",
            "'Promoted'",
            "upgrade, or restore it from a copy",
            "Nothing was changed",
        ),
        given=is_damaged(
            """UPDATE paceline_events SET event = '{"event":"Promoted","trial":3}' WHERE seq = 7"""
        ),
        is_lost_cause=True,
    ),
    Case(
        "a journal with a line that is cut off",
        lambda p: p.study(),
        SchemaError,
        ("study 's', event 7", "truncated", "damaged"),
        given=is_damaged("UPDATE paceline_events SET event = substr(event, 1, 20) WHERE seq = 7"),
        is_lost_cause=True,
    ),
    Case(
        "a journal whose first event is missing",
        lambda p: p.study(),
        SchemaError,
        ("study 's': event 0 of its journal is missing", "restore it from a copy", "Nothing was changed"),
        given=is_damaged("DELETE FROM paceline_events WHERE seq = 0"),
        is_lost_cause=True,
    ),
    Case(
        "a journal with a gap",
        lambda p: p.study(),
        SchemaError,
        ("event 7 of its journal is missing", "the next one there is event 8"),
        given=is_damaged("DELETE FROM paceline_events WHERE seq = 7"),
        is_lost_cause=True,
    ),
    Case(
        "a journal that begins with another event",
        lambda p: p.study(),
        SchemaError,
        ("begins with StudyClosed, not with StudyOpened", "Restore it from a copy", "nothing was changed"),
        given=is_damaged(
            """UPDATE paceline_events SET event = '{"event":"StudyClosed","reason":""}' WHERE seq = 0"""
        ),
        is_lost_cause=True,
    ),
    Case(
        "a database without its table of events",
        lambda p: p.study(),
        StorageError,
        ("no such table: paceline_events", "restore it from a copy"),
        given=is_damaged("DROP TABLE paceline_events"),
        is_lost_cause=True,
    ),
    Case(
        "a database with a part overwritten",
        lambda p: p.study(),
        StorageError,
        ("s.db: could not", "malformed", "damaged; restore it from a copy"),
        given=with_bytes_overwritten,
        is_lost_cause=True,
    ),
)

# Another study ---------------------------------------------------------------------------------------------------------


def is_driven(place):
    """Somebody else asks for jobs of the study, at this moment."""
    place.exists()
    other = place.study()
    other.ask()
    return other


def while_driven(act):
    def acts(place):
        other = place.study()
        other.set_budget(Budget(trials=9))
        job = other.ask()
        try:
            act(place)
        finally:
            other.tell(job, loss=1.0)

    return acts


OTHERS = (
    Case(
        "another space",
        lambda p: p.study(space={"lr": Float(1e-4, 1.0, log=True), "depth": Integer(1, 9)}),
        StudyMismatchError,
        (
            "'width' is gone",
            "'depth' is new",
            "'lr' was Float(0.0001, 0.1, log=True) and is now",
            "nothing was changed",
            "Use another name",
        ),
        given=existing,
    ),
    Case(
        "a constraint that it did not have",
        lambda p: p.study(space=space_with(Constraint("small", small))),
        StudyMismatchError,
        ("constraint 'small' is new", "nothing was changed"),
        given=existing,
    ),
    Case(
        "another scheduler",
        lambda p: p.study(scheduler=Hyperband(max_resource=9)),
        StudyMismatchError,
        ("it was made with ASHA, not Hyperband", "Use another name"),
        given=existing,
    ),
    Case(
        "another setting of the scheduler",
        lambda p: p.study(scheduler=ASHA(max_resource=9, reduction_factor=4)),
        StudyMismatchError,
        ("reduction_factor was 3, not 4", "only max_resource may change, upwards"),
        given=existing,
    ),
    Case(
        "a `max_resource` that is lowered",
        lambda p: p.study(scheduler=ASHA(max_resource=3)),
        StudyMismatchError,
        ("max_resource was 9, not 3", "only max_resource may change, upwards"),
        given=existing,
    ),
    Case(
        "another metric and direction",
        lambda p: p.study(maximize="accuracy"),
        StudyMismatchError,
        ("it minimizes 'loss', not maximizes 'accuracy'",),
        given=existing,
    ),
    Case(
        "another unit of resource",
        lambda p: p.study(unit="step"),
        StudyMismatchError,
        ("the unit was 'unit', not 'step'", "nothing was changed"),
        given=existing,
    ),
    Case(
        "another seed",
        lambda p: p.study(seed=7),
        StudyMismatchError,
        ("the seed was 0, not 7",),
        given=existing,
    ),
    Case(
        "other retries",
        lambda p: p.study(retries=5),
        StudyMismatchError,
        ("retries was 2, not 5",),
        given=existing,
    ),
    Case(
        "a study that somebody else is driving",
        while_driven(lambda p: p.run(budget=Budget(trials=12))),
        JournalConflict,
        ("study 's' is being driven by", "One driver at a time; nothing was written", "run again"),
        given=existing,
        records=True,
    ),
    Case(
        "a study that this very object is asked for jobs of",
        lambda p: is_driven(p).run(train, executor="inline", progress=False, budget=Budget(trials=12)),
        SettingError,
        ("close() it first",),
        given=existing,
        records=True,
    ),
    Case(
        "a name that the storage does not have",
        lambda p: p.load("s1"),
        StudyNotFoundError,
        ("there is no study 's1'", "there are: 's'", "Did you mean 's'?"),
        given=existing,
    ),
    Case(
        "a storage that holds no study",
        lambda p: p.load(storage=p.folder / "t.db"),
        StudyNotFoundError,
        ("t.db: there is no study 's'", "there are none, so it may be another storage"),
    ),
    Case(
        "a place for checkpoints that is a file",
        lambda p: p.run(study={"folder": p.folder / "notes"}),
        SettingError,
        ("folder='{folder}/notes/s'", "{folder}/notes is a file", "Name another one with folder="),
        given=lambda p: p.write("notes", "to do"),
    ),
)
