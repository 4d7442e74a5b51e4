"""A victim whose first driver kills itself, or has its worker do so, at a named point: see test_kill.py.

And a library that is wrong in a named way, `MUTANTS`: see test_audit.py.

python saboteur.py POINT FOLDER NUMBER SETTINGS
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import event

from paceline.decisions import ResumeTrial
from paceline.driver import Driver
from paceline.events import JobEnded, JobIssued, Outcome, Reported, StudyClosed, StudyOpened, TrialCreated
from paceline.journal.sql import SqlJournal, SqlStorage
from paceline.retention import CheckpointJanitor
from paceline.schedulers.base import Scheduler
from paceline.schedulers.pbt import PBTScheduler
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


# A library that is wrong: what the audit must find in a population


def forget_donors(patch):
    """Their checkpoints are deleted as soon as they have newer ones."""

    def sabotaged(*arguments, needed, **settings):
        return CheckpointJanitor(*arguments, **settings)

    patch.setattr("paceline.study.CheckpointJanitor", sabotaged)


def assign_otherwise(patch, choose):
    """A fork is given another checkpoint than its donor's."""
    assign = Driver._assign

    def sabotaged(driver, issued):
        given = assign(driver, issued)
        origin = driver._ledger.trials[issued.job.trial].trial.origin
        if origin is None or given.checkpoint != origin.checkpoint:
            return given
        return msgspec.structs.replace(given, checkpoint=choose(driver._ledger, origin))

    patch.setattr(Driver, "_assign", sabotaged)


def from_nothing(_ledger, _origin):
    return None


def somebody_elses(ledger, origin):
    """Of the same resource, if it is there."""
    newest = [state.checkpoint for state in ledger.trials if state.checkpoint and not state.is_stopped]
    others = [other for other in newest if other != origin.checkpoint and other.resource == origin.resource]
    return next(iter(others), origin.checkpoint)


def lose_a_member(patch):
    """Nobody ever goes on in its place."""
    make_ready = PBTScheduler._make_ready
    patch.setattr(
        PBTScheduler, "_make_ready", lambda it, number: None if number == 2 else make_ready(it, number)
    )


def replace_nobody(patch):
    """The trial whose place a fork takes is not stopped: the population grows."""
    fork = PBTScheduler._fork
    patch.setattr(
        PBTScheduler, "_fork", lambda *arguments: msgspec.structs.replace(fork(*arguments), replaces=None)
    )


def retry_from_nothing(patch):
    """A fork's last retry, too: without its donor's state."""
    resume = Scheduler._resume

    def sabotaged(scheduler, trial, target):
        state = scheduler.ledger.trials[trial]
        is_last_try = 0 < scheduler.ledger.retries <= state.failures
        return ResumeTrial(trial, 0, target) if is_last_try else resume(scheduler, trial, target)

    patch.setattr(Scheduler, "_resume", sabotaged)


MUTANTS = {
    forget_donors: ["that may be forked, of trial", "may have to copy it"],
    partial(assign_otherwise, choose=from_nothing): ["has loaded [], and had to load [("],
    partial(assign_otherwise, choose=somebody_elses): [
        "was trained by",
        "undisturbed it is",
        "has loaded [(",
    ],
    lose_a_member: ["of member 2, the trials [2], none are fully trained"],
    replace_nobody: ["was not stopped when trial"],
    retry_from_nothing: ["had to start from"],
}
"""Ways in which forks could go wrong, and what the audit says of each."""


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
