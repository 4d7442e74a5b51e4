"""The facts: what is recorded, and nothing else is.

Everything that Paceline knows about a study is a sequence of the events on this page. They are frozen, in the past
tense, and say only what happened: a trial's status, the incumbent, the rungs and what was spent are derived from them
(`ledger.py`). The records that they carry (`Trial`, `Job`, `Checkpoint`, ...) stand first.

Resources are positive integers in the user's own unit (epochs, steps, samples). Metrics are as the user reported them,
in the user's own direction; a value that is not finite is `None`, so that a fact can be compared and written as JSON.
No event holds a time: the journal stores one beside each, for people, and no decision reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NewType

import msgspec

from paceline.errors import SchemaError, SettingError
from paceline.space.scalars import Config as Config  # noqa: PLC0414 - one of the records, given out from here too

SCHEMA_VERSION = 1
"""Of the events on this page. A journal that says more than this is refused (`SchemaError`), never guessed at."""

TrialId = NewType("TrialId", int)
JobId = NewType("JobId", int)

Metrics = dict[str, float | None]


class Outcome(StrEnum):
    """How a job ended. A crash and a loss differ: the first counts against the config, the second does not."""

    COMPLETED = "completed"
    """It reported at its target."""
    FAILED = "failed"
    """Training raised, exited, was killed, hung, or ended without the report that it owed."""
    LOST = "lost"
    """Its driver or worker went away, or it was asked to pause: the config is not to blame, the job is due again."""


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What events carry: frozen, compared by value, tracked by no garbage collector (they hold no cycles)."""


class Checkpoint(Record, frozen=True):
    """A trial's saved state.

    Args:
        key: the folder, relative to the study's folder of checkpoints, so that a study can be moved.
        resource: how far the trial was trained when it was saved.
        size_bytes: of all its files together.
    """

    key: str
    resource: int
    size_bytes: int = 0


class Origin(Record, frozen=True):
    """What a fork starts from. Nothing is copied: its first job reads the donor's folder.

    Args:
        trial: the donor.
        checkpoint: the donor's, which is the fork's newest until the fork has saved one of its own.
    """

    trial: TrialId
    checkpoint: Checkpoint

    @property
    def resource(self) -> int:
        """How far the donor was trained there; the fork counts on from it."""
        return self.checkpoint.resource


class Trial(Record, frozen=True):
    """One config for life.

    Args:
        id: counts from 0 in the order of creation.
        config: the hyperparameters.
        bracket: which of the scheduler's brackets it belongs to, where there are brackets.
        origin: where a fork comes from; `None` for a trial that starts from nothing.
        member: whose place in the scheduler's population it takes, where there is one.
    """

    id: TrialId
    config: Config
    bracket: int | None = None
    origin: Origin | None = None
    member: int | None = None


class Job(Record, frozen=True):
    """Train one trial from resource `start` (a checkpoint, or 0) up to resource `target`.

    Args:
        id: counts from 0 in the order of issue.
        trial: the trial to train.
        start: the resource of the checkpoint it starts from; 0 is from nothing.
        target: the resource that it must report.
        attempt: 1 for the first job of this trial to this target, 2 for the first repetition, ...
    """

    id: JobId
    trial: TrialId
    start: int
    target: int
    attempt: int = 1


class Objective(Record, frozen=True):
    """What is optimized. Inside Paceline a loss is minimized; this is the one place where the sign is turned."""

    metric: str
    maximize: bool = False

    def loss(self, metrics: Mapping[str, float | None]) -> float:
        """The loss of a report: +inf where the metric is absent or not finite, so that it ranks last."""
        value = metrics.get(self.metric)
        if value is None:
            return math.inf
        return -value if self.maximize else value

    def value(self, loss: float) -> float:
        """A loss in the user's own sign."""
        return -loss if self.maximize else loss


class Budget(Record, frozen=True):
    """The limits of a whole study, in any combination; the first one reached closes it. All of them are totals.

    A finished study goes on when it is run again with a higher budget.

    Args:
        trials: trials created. Those that exist may still be promoted.
        resource: units of resource trained, retraining included. A job that would exceed it is not issued.
        minutes: wall time during which a driver ran the study, all its runs together.
        target: the study is done once a trial reports the metric this good, at any resource.
    """

    trials: int | None = None
    resource: int | None = None
    minutes: float | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        """Refuse a limit that no study could keep.

        Raises:
            SettingError: a limit has the wrong type or is not positive.
        """
        for name in ("trials", "resource"):
            count = getattr(self, name)
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                raise SettingError(f"Budget({name})", count, expected="a whole number of at least 1, or None")
        for name in ("minutes", "target"):
            number = getattr(self, name)
            if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
                raise SettingError(f"Budget({name})", number, expected="a number, or None")
            if number is not None and not math.isfinite(number):
                raise SettingError(f"Budget({name})", number, expected="a finite number, or None")
        if self.minutes is not None and self.minutes <= 0:
            raise SettingError("Budget(minutes)", self.minutes, expected="more than 0, or None")

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing limits the study but its scheduler."""
        return self == Budget()


class Event(Record, frozen=True, tag_field="event"):
    """Something that happened."""


class StudyOpened(Event, frozen=True, tag=True):
    """The study came to be. All of it is fixed from here on, except for what later events say they change.

    Args:
        seed: of every random stream.
        objective: the metric and its direction.
        space: `Space.to_json`.
        scheduler: the scheduler's settings as JSON, its sampler's among them; see `SchedulerChanged`.
        unit: what one unit of resource is, for people.
        retries: how often a job that failed is tried again before its trial ranks last.
        schema: the version of this page; journals that name none are of the first.
    """

    seed: int
    objective: Objective
    space: dict[str, Any]
    scheduler: dict[str, Any]
    unit: str = "unit"
    retries: int = 2
    schema: int = 1


class SchedulerChanged(Event, frozen=True, tag=True):
    """A setting that may grow on an existing study was raised, such as ASHA's `max_resource`."""

    scheduler: dict[str, Any]


class BudgetSet(Event, frozen=True, tag=True):
    """The study's budget from here on; it takes the place of the one before and reopens a closed study."""

    budget: Budget


class PointsGiven(Event, frozen=True, tag=True):
    """Configs that the user wants tried before the sampler is asked, in this order."""

    points: tuple[Config, ...]


class RunStarted(Event, frozen=True, tag=True):
    """A driver took the study up. For people, and for counting the minutes of a budget.

    Args:
        holder: who drives it, as `user@host, process N`.
        slots: jobs that can run at once.
        executor: the kind of executor.
    """

    holder: str
    slots: int
    executor: str


class TrialCreated(Event, frozen=True, tag=True):
    """A config was chosen. The sampler's answer is here, so replaying fits no model."""

    trial: Trial


class JobIssued(Event, frozen=True, tag=True):
    """A job was decided upon; it is recorded before it is carried out."""

    job: Job


class Reported(Event, frozen=True, tag=True):
    """A job reported its metrics at a resource, with a checkpoint where one was due.

    Args:
        job: the job.
        trial: its trial.
        resource: strictly rises within a job.
        metrics: by name; `None` for a value that was not finite.
        seconds: of training, since the job's report before or its start.
        checkpoint: durable before the report is; the two are recorded together or not at all.
    """

    job: JobId
    trial: TrialId
    resource: int
    metrics: Metrics
    seconds: float = 0.0
    checkpoint: Checkpoint | None = None


class JobEnded(Event, frozen=True, tag=True):
    """A job is over.

    Args:
        job: the job.
        trial: its trial.
        outcome: how it ended.
        trained: units of resource that it trained, where the executor knows; what was reported tells otherwise.
        error: for a failure, the traceback or what is known of the death; for a loss, its cause.
    """

    job: JobId
    trial: TrialId
    outcome: Outcome
    trained: int | None = None
    error: str | None = None


class TrialStopped(Event, frozen=True, tag=True):
    """A trial ended early for good: it is never resumed, and its checkpoint is free to go."""

    trial: TrialId
    reason: str


class StudyClosed(Event, frozen=True, tag=True):
    """No more jobs, because `reason`: the budget's limit that was reached, or the scheduler had nothing left."""

    reason: str


AnyEvent = (
    StudyOpened
    | SchedulerChanged
    | BudgetSet
    | PointsGiven
    | RunStarted
    | TrialCreated
    | JobIssued
    | Reported
    | JobEnded
    | TrialStopped
    | StudyClosed
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> str:
    """One event as a line of JSON; `decode` gives an equal event back."""
    return _encoder.encode(event).decode()


def decode(line: str | bytes) -> AnyEvent:
    """The event in a line of JSON.

    Raises:
        SchemaError: it is no event of this version.
    """
    try:
        event: AnyEvent = _decoder.decode(line)
    except msgspec.MsgspecError as error:
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        raise SchemaError(
            f"a line of the journal is no event of schema {SCHEMA_VERSION}: {error}. The line begins {text[:120]!r}. "
            "It was written by another version of Paceline, or damaged: upgrade, or restore it from a copy. Nothing was changed."
        ) from error
    return event
