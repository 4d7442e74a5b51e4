"""The ledger: the fold of events that everybody reads.

`apply` is the only method that changes it, in O(1) whatever the number of trials; everything else is a question.
Schedulers read it while they decide, the driver to know what runs, the user through `Study`. It keeps what decisions
and status need of each trial (its last and best loss, its checkpoint); whole learning curves stay in the journal.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import assert_never

import msgspec

from paceline.errors import SchemaError
from paceline.events import (
    SCHEMA_VERSION,
    AnyEvent,
    Budget,
    BudgetSet,
    Checkpoint,
    Config,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
    Outcome,
    PointsGiven,
    Reported,
    RunStarted,
    SchedulerChanged,
    StudyClosed,
    StudyOpened,
    Trial,
    TrialCreated,
    TrialId,
    TrialStopped,
)


class TrialState(msgspec.Struct, gc=False):
    """What the facts so far say of one trial.

    Args:
        trial: its id, config, bracket and origin.
        job: the last job issued for it.
        is_running: whether that job still runs.
        resource: the highest resource that it reported and that counts; before the first report 0, or a fork's origin.
        loss: the loss at that resource.
        best_loss: the least loss at any resource.
        trained: units of resource spent on it, repetitions included.
        seconds: of training, as reported.
        failures: jobs that failed, since it last reached a target.
        checkpoint: the newest one; a fork's is its origin's until it has saved one of its own.
        is_stopped: ended early for good.
        has_failed: failed more often than the study's retries allow.
    """

    trial: Trial
    job: Job | None = None
    is_running: bool = False
    resource: int = 0
    loss: float = math.inf
    best_loss: float = math.inf
    trained: int = 0
    seconds: float = 0.0
    failures: int = 0
    checkpoint: Checkpoint | None = None
    is_stopped: bool = False
    has_failed: bool = False

    @property
    def id(self) -> TrialId:
        """The trial's id."""
        return self.trial.id

    @property
    def has_reached_target(self) -> bool:
        """Whether the last job's target was reported, however the job then ended."""
        return self.job is not None and self.resource >= self.job.target


class RunningJob(msgspec.Struct, gc=False):
    """A job that was issued and has not ended.

    Args:
        job: the job.
        resource: the last that it reported; its start, before that.
        checkpoint: where it starts from; `None` is from nothing.
    """

    job: Job
    resource: int
    checkpoint: Checkpoint | None = None


class Incumbent(msgspec.Struct, frozen=True, gc=False):
    """The best result by a stated rule.

    Args:
        trial: whose result it is.
        resource: where it was reported.
        loss: always minimized; `Objective.value` gives it in the user's sign.
    """

    trial: TrialId
    resource: int
    loss: float


class Ledger:
    """The state that the events so far amount to.

    `trained` counts units of resource that ended jobs have spent, `committed` those that running jobs were given.
    """

    def __init__(self) -> None:
        self.opened: StudyOpened | None = None
        self.scheduler_settings: dict[str, object] = {}
        self.objective = Objective("loss")
        self.retries = 0
        self.budget = Budget()
        self.closed: str | None = None
        self.run: RunStarted | None = None
        self.trials: list[TrialState] = []
        self.running: dict[JobId, RunningJob] = {}
        self.points: deque[Config] = deque()
        self.given_points: list[Config] = []
        self.n_sampled = 0
        self.n_jobs = 0
        self.n_reports = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.trained = 0
        self.committed = 0
        self.seconds = 0.0
        self.elapsed_s = 0.0
        self.best_at_max_resource: Incumbent | None = None
        self.best_at_any_resource: Incumbent | None = None
        self._last_at: float | None = None

    # Questions -------------------------------------------------------------------------------------------------

    @property
    def next_trial(self) -> TrialId:
        """The id that the next trial will have."""
        return TrialId(len(self.trials))

    @property
    def max_resource(self) -> int | None:
        """The resource at which a trial is fully trained, where the scheduler has one."""
        top = self.scheduler_settings.get("max_resource")
        return top if isinstance(top, int) else None

    def is_fully_trained(self, state: TrialState) -> bool:
        """Whether nothing is left to train, unless `max_resource` is raised."""
        return self.max_resource is not None and state.resource >= self.max_resource

    def status(self, state: TrialState) -> str:
        """One of running, failed, stopped, done, paused: for people; decisions read the facts."""
        if state.is_running:
            return "running"
        if state.has_failed:
            return "failed"
        if state.is_stopped:
            return "stopped"
        return "done" if self.is_fully_trained(state) else "paused"

    def elapsed_until(self, now: float) -> float:
        """Seconds during which a driver has run the study, up to `now`."""
        return self.elapsed_s + (0.0 if self._last_at is None else max(0.0, now - self._last_at))

    def incumbent(self, at: str = "max_resource") -> Incumbent | None:
        """The best trial so far, or `None`.

        Args:
            at: `"max_resource"` compares results at the largest resource at which a job has reached its target with a
                finite loss; `"any"` compares all reports, which favours lucky ones at low resources.
        """
        return self.best_at_max_resource if at == "max_resource" else self.best_at_any_resource

    def accepts(self, event: Reported | JobEnded) -> bool:
        """Whether an executor's event is news: a report of an ended job is late, one that does not rise repeated."""
        running = self.running.get(event.job)
        if running is None or running.job.trial != event.trial:
            return False
        if isinstance(event, Reported):
            return running.resource < event.resource <= running.job.target
        return True

    # The fold --------------------------------------------------------------------------------------------------

    def apply(self, event: AnyEvent, at: float) -> None:  # noqa: C901, PLR0912 - a case for each kind of fact
        """Take in one fact.

        Args:
            event: what happened.
            at: when it was recorded, in seconds; it only adds up to the minutes of the study's budget.

        Raises:
            SchemaError: a newer version opened the study.
        """
        if self._last_at is not None and not isinstance(event, RunStarted):  # between two runs nobody works
            self.elapsed_s += max(0.0, at - self._last_at)
        self._last_at = at
        match event:
            case Reported():
                self._report(event)
            case JobIssued():
                self._issue(event.job)
            case JobEnded():
                self._end(event)
            case TrialCreated():
                self._create(event.trial)
            case TrialStopped():
                self.trials[event.trial].is_stopped = True
            case StudyOpened():
                self._open(event)
            case SchedulerChanged():
                self.scheduler_settings = event.scheduler
                self.closed = None
            case BudgetSet():
                self.budget = event.budget
                self.closed = None
            case PointsGiven():
                self.points.extend(event.points)
                self.given_points.extend(event.points)
                self.closed = None
            case RunStarted():
                self.run = event
            case StudyClosed():
                self.closed = event.reason
            case _:
                assert_never(event)

    def _open(self, event: StudyOpened) -> None:
        if event.schema > SCHEMA_VERSION:
            raise SchemaError(
                f"the study was written with schema {event.schema}, and this Paceline knows up to {SCHEMA_VERSION}. "
                "Upgrade Paceline to open it; nothing was changed."
            )
        self.opened = event
        self.scheduler_settings = event.scheduler
        self.objective = event.objective
        self.retries = event.retries

    def _create(self, trial: Trial) -> None:
        origin = trial.origin
        if origin is not None:
            self.trials.append(TrialState(trial, resource=origin.resource, checkpoint=origin.checkpoint))
            return
        self.trials.append(TrialState(trial))
        if self.points:
            self.points.popleft()
        else:
            self.n_sampled += 1

    def _issue(self, job: Job) -> None:
        state = self.trials[job.trial]
        if state.job is None or state.job.target != job.target:
            state.failures = 0
        state.job = job
        state.is_running = True
        self.running[job.id] = RunningJob(job, job.start, state.checkpoint if job.start else None)
        self.n_jobs += 1
        self.committed += job.target - job.start

    def _report(self, event: Reported) -> None:
        running = self.running[event.job]
        running.resource = event.resource
        state = self.trials[event.trial]
        state.seconds += event.seconds
        self.seconds += event.seconds
        self.n_reports += 1
        if event.checkpoint is not None:
            state.checkpoint = event.checkpoint
        if event.resource <= state.resource:
            return  # a repetition after a failure, or a retrained trial on its way up: each boundary counts once
        loss = self.objective.loss(event.metrics)
        state.resource = event.resource
        state.loss = loss
        state.best_loss = min(state.best_loss, loss)
        self.best_at_any_resource = _better(self.best_at_any_resource, event, loss, at_max=False)
        if event.resource == running.job.target:
            self.best_at_max_resource = _better(self.best_at_max_resource, event, loss, at_max=True)

    def _end(self, event: JobEnded) -> None:
        running = self.running.pop(event.job)
        job = running.job
        trained = max(0, running.resource - job.start) if event.trained is None else event.trained
        state = self.trials[event.trial]
        state.trained += trained
        self.trained += trained
        self.committed -= job.target - job.start
        state.is_running = False
        self.outcomes[event.outcome] += 1
        if state.resource >= job.target:
            state.failures = 0
        elif event.outcome is not Outcome.LOST:  # it failed, or ended without the report that it owed
            state.failures += 1
            state.has_failed = state.failures > self.retries


def _better(best: Incumbent | None, event: Reported, loss: float, *, at_max: bool) -> Incumbent | None:
    """The incumbent after one more result. Ties go to the older trial: the order of arrival must not decide."""
    if loss == math.inf:
        return best
    if best is not None:
        if at_max and event.resource != best.resource:
            if event.resource < best.resource:
                return best
        elif (loss, event.trial) >= (best.loss, best.trial):
            return best
    return Incumbent(event.trial, event.resource, loss)
