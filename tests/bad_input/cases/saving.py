"""Checkpoints, and the disk that everything is written to."""

import os
import shutil
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import event
from tests.bad_input.cases.case import Case, existing
from tests.bad_input.place import train

from paceline import Budget
from paceline.errors import CheckpointError, StorageError, TrainingFunctionError
from paceline.events import JobEnded

# Checkpoints -----------------------------------------------------------------------------------------------------------


def saving(save):
    """A run whose training function saves like this."""

    def do(place):
        def train(trial):
            for _ in trial.steps():
                trial.report(loss=1.0, save=save)

        place.run(train)

    return do


def save_raises(folder):
    (folder / "half").write_text("1")
    raise ValueError("cannot serialize the optimizer")


def loads(trial):
    """A training function that goes on from its checkpoint."""
    if trial.checkpoint:
        float((trial.checkpoint / "weights").read_text())
    train(trial)


def checkpoints(place):
    return sorted((place.folder / "s-files" / "s" / "checkpoints").glob("*/*"))


def gone(place):
    """The checkpoints of a study of five trials are deleted by somebody."""
    for checkpoint in checkpoints(place):
        shutil.rmtree(checkpoint.parent)
    seen = []

    def train_and_note(trial):
        if trial.id < 5:
            seen.append(f"trial.checkpoint is {trial.checkpoint}, trial.start is {trial.start}")
        train(trial)

    place.run(train_and_note, budget=Budget(trials=9))
    return seen[0]


def garbled(place):
    """They are overwritten, and a promoted trial fails to load its own until its last try, which does without."""
    for checkpoint in checkpoints(place):
        (checkpoint / "weights").write_bytes(b"\x00garbage")
    study = place.run(loads, budget=Budget(trials=9))
    errors = [event.error for _, event in study.entries() if isinstance(event, JobEnded) and event.error]
    assert errors, "nothing was promoted, so nothing was loaded"
    assert all(trial.status != "failed" for trial in study.trials)
    return errors[0]


CHECKPOINTS = (
    Case(
        "`save='weights.pt'`",
        saving("weights.pt"),
        TrainingFunctionError,
        ("save='weights.pt': expected a function that is given a folder",),
        records=True,
    ),
    Case(
        "a `save` that raises",
        saving(save_raises),
        TrainingFunctionError,
        ("ValueError: cannot serialize the optimizer",),
        records=True,
    ),
    Case(
        "a `save` that writes nothing into its folder",
        saving(lambda _: None),
        TrainingFunctionError,
        ("save wrote nothing into", "Write into that folder", "or leave save out"),
        records=True,
    ),
    Case(
        "a checkpoint that has vanished",
        gone,
        None,
        ("trial.checkpoint is None, trial.start is 0",),
        given=existing,
        records=True,
    ),
    Case(
        "a checkpoint that cannot be read; the last try starts from nothing",
        garbled,
        None,
        ("ValueError: could not convert string to float",),
        given=existing,
        records=True,
    ),
)

# The disk --------------------------------------------------------------------------------------------------------------


def limit_pages(study, n_more):
    """The database may grow by so many pages of 4 KiB."""

    def limit(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + n_more}")

    study.storage.close()
    event.listen(study.storage._engine, "connect", limit)


def full_database(place):
    study = place.study()
    limit_pages(study, 4)
    study.run(train, executor="inline", progress=False, budget=Budget(trials=500))


def full_disk(folder):
    Path("/dev/full").write_text("1.5")


def failing_sync(place):
    def fails(_):
        raise OSError(28, os.strerror(28))

    with patch("os.fsync", fails):
        place.run()


DISKS = (
    Case(
        "a disk that is full for the database",
        full_database,
        StorageError,
        (
            "could not write to study 's'",
            "database or disk is full",
            "Free some disk space and run again: it continues",
        ),
        given=existing,
        records=True,
    ),
    Case(
        "a limit on the size of files, reached by the database",
        lambda p: p.elsewhere(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
            "place.run(budget=Budget(trials=500))"
        ),
        StorageError,
        ("could not write to study 's'", "disk I/O error", "a limit on the size of files or a quota"),
        given=existing,
        records=True,
    ),
    Case(
        "a disk that is full for a checkpoint",
        saving(full_disk),
        CheckpointError,
        (
            "cannot write the checkpoint {folder}/s-files/s/checkpoints/",
            "No space left on device",
            "Free some space",
            "run the study again to go on",
        ),
        records=True,
    ),
    Case(
        "the same, in a worker process",
        lambda p: p.run(lambda trial: trial.report(loss=1.0, save=full_disk), executor="processes"),
        CheckpointError,
        (
            "cannot write the checkpoint {folder}/s-files/s/checkpoints/",
            "No space left on device",
            "The journal is intact",
        ),
        records=True,
    ),
    Case(
        "a disk that is full when a checkpoint is synced",
        failing_sync,
        CheckpointError,
        ("cannot write the checkpoint", "No space left on device", "keep fewer checkpoints"),
        records=True,
    ),
)
