"""A victim whose first driver kills itself, or has its worker do so, at a named point: see test_kill.py.

python saboteur.py POINT FOLDER NUMBER SETTINGS
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

from sqlalchemy import event

from paceline.events import JobEnded, JobIssued, Outcome, Reported, StudyClosed, StudyOpened, TrialCreated
from paceline.journal.sql import SqlJournal, SqlStorage
from paceline.testing import victim


def die():
    os.kill(os.getpid(), signal.SIGKILL)


# In the driver: at a write of the journal


def at_append(moment, is_the_one):
    """Die before, within or after the first append for which `is_the_one`; within is after its rows, before its commit."""
    append = SqlJournal.append

    def sabotaged(journal, entries):
        if not is_the_one([fact for _, fact in entries]):
            append(journal, entries)
        elif moment == "before":
            die()
        elif moment == "within":
            event.listen(journal._storage._engine, "commit", lambda _: die())
            append(journal, entries)
        else:
            append(journal, entries)
            die()

    SqlJournal.append = sabotaged


def opens(facts):
    return isinstance(facts[0], StudyOpened)


def promotes(facts):
    return any(isinstance(fact, JobIssued) and fact.job.start for fact in facts)


def forks(facts):
    return any(isinstance(fact, TrialCreated) and fact.trial.origin for fact in facts)


def ends_a_promotion(facts):
    """So that the checkpoint from which the job has started is free to go."""
    return any(isinstance(fact, Reported) and fact.resource == 3 for fact in facts) and any(
        isinstance(fact, JobEnded) and fact.outcome is Outcome.COMPLETED for fact in facts
    )


def closes(facts):
    return isinstance(facts[-1], StudyClosed)


def before_statement(beginning):
    """Die before SQLite is given a statement that begins so."""
    make_ready = SqlStorage.make_ready

    def sabotaged(storage):
        def look(_connection, _cursor, statement, *_):
            if statement.strip().startswith(beginning):
                die()

        event.listen(storage._engine, "before_cursor_execute", look)
        make_ready(storage)

    SqlStorage.make_ready = sabotaged


def while_deleting():
    """Die between the two steps of deleting a checkpoint."""
    rename = Path.rename

    def sabotaged(path, target):
        rename(path, target)
        if target.name.endswith(".deleted"):
            die()

    Path.rename = sabotaged


# In a worker: at a checkpoint


def is_promoted(trial):
    return trial.start > 0


def is_fork(trial):
    """It goes on from what another one has saved."""
    return trial.checkpoint is not None and int(trial.checkpoint.parent.name) != trial.id


def train(trial, *, whose=is_promoted, kills, step, when, folder, **settings):
    """Kill the driver, or this worker, once, before or after a step in saving the first checkpoint of a certain trial."""
    once = Path(folder) / "sabotaged"
    original = getattr(Path, step)

    def strike():
        if whose(trial) and not once.exists():
            once.touch()
            os.kill(os.getppid() if kills == "driver" else os.getpid(), signal.SIGKILL)
            signal.pause()  # until the end of the driver reaches this process

    def sabotaged(path, *arguments):
        if when == "before":
            strike()
        result = original(path, *arguments)
        if when == "after":
            strike()
        return result

    setattr(Path, step, sabotaged)
    try:
        victim.train(trial, folder=folder, **settings)
    finally:
        setattr(Path, step, original)


DRIVER_POINTS = {
    "before the tables are created": partial(before_statement, "CREATE TABLE"),
    "between the tables": partial(before_statement, "CREATE TABLE paceline_events"),
    "before the tables have their version": partial(before_statement, "INSERT INTO paceline_schema"),
    "before the study has its number": partial(before_statement, "INSERT INTO paceline_studies"),
    "before the study is opened": partial(at_append, "before", opens),
    "while the study is opened": partial(at_append, "within", opens),
    "after the study is opened": partial(at_append, "after", opens),
    "while a promotion is recorded": partial(at_append, "within", promotes),
    "after a promotion is recorded, before it is carried out": partial(at_append, "after", promotes),
    "before a result is recorded": partial(at_append, "before", ends_a_promotion),
    "after a result is recorded, before the old checkpoint is deleted": partial(
        at_append, "after", ends_a_promotion
    ),
    "while the old checkpoint is deleted": while_deleting,
    "before the study is closed": partial(at_append, "before", closes),
    "while the study is closed": partial(at_append, "within", closes),
    "after the study is closed": partial(at_append, "after", closes),
}

FORK_POINTS = {
    "before a fork is recorded": partial(at_append, "before", forks),
    "while a fork is recorded": partial(at_append, "within", forks),
    "after a fork is recorded, before it is carried out": partial(at_append, "after", forks),
}

SAVING = {
    "while a checkpoint is written": ("write_bytes", "after"),
    "before a checkpoint's rename": ("rename", "before"),
    "between a checkpoint's rename and its report": ("rename", "after"),
}
WORKER_POINTS = {
    f"{whom} {name}": partial(train, kills=whom, step=step, when=when)
    for whom in ("driver", "worker")
    for name, (step, when) in SAVING.items()
}

FORK_WORKER_POINTS = {
    f"{whom} of a fork {name}": partial(train, whose=is_fork, kills=whom, step=step, when=when)
    for whom in ("driver", "worker")
    for name, (step, when) in SAVING.items()
}

if __name__ == "__main__":
    point, arguments = sys.argv[1], sys.argv[2:]
    is_first = arguments[1] == "1"
    trainings = WORKER_POINTS | FORK_WORKER_POINTS
    if point in trainings:
        victim.drive(arguments, trainings[point])
    else:
        if is_first:
            (DRIVER_POINTS | FORK_POINTS)[point]()
        victim.drive(arguments)
