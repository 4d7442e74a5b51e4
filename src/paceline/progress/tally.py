"""What a progress display shows, kept up with the events at O(1) each.

It is a small fold of its own, because a display may be drawn by another thread while the driver goes on: whatever is
drawn is read from here, under the display's lock, and never from the ledger or the scheduler.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from paceline.events import (
    Budget,
    Config,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
    Outcome,
    Reported,
)
from paceline.journal import Entry
from paceline.ledger import Incumbent, Ledger
from paceline.schedulers.base import Scheduler
from paceline.schedulers.successive_halving import BracketScheduler


class RungTally(msgspec.Struct, gc=False):
    """One rung: results in it, jobs on their way to it, results that it waits for (`None` where rungs are open)."""

    results: int = 0
    running: int = 0
    capacity: int | None = None


class JobTally(msgspec.Struct, gc=False):
    """A running job: how far it has reported."""

    job: Job
    resource: int


class Failure(msgspec.Struct, frozen=True):
    """A job that failed: `is_final` once its trial has no retries left."""

    job: Job
    resource: int
    error: str | None
    is_final: bool


class Tally:
    """Counts of a study. Build it when everything that was recorded before is in the ledger.

    Args:
        ledger: read while an event is taken in, in the driver's thread.
        scheduler: asked for the rungs once, and for a bracket's sizes when it opens.
        clock: seconds that pass while nothing is recorded.
    """

    def __init__(
        self, ledger: Ledger, scheduler: Scheduler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._scheduler = scheduler
        self._clock = clock
        self.brackets: dict[int, dict[int, RungTally]] = {}
        self.running: dict[JobId, JobTally] = {}
        self.busy: dict[int, int] = {}
        """Brackets with running jobs, and how many."""
        self.failures: list[Failure] = []
        """Those of the events last taken in."""
        self.last_failure: Failure | None = None
        for bracket in scheduler.view():
            self.brackets[bracket.number] = {
                rung.resource: RungTally(rung.n_results, 0, rung.capacity) for rung in bracket.rungs
            }
        for running in ledger.running.values():
            self._begin(running.job, running.resource)
        self._copy()

    def add(self, entries: Sequence[Entry]) -> None:
        """Take in what was recorded; the ledger has it already."""
        self.failures = []
        for _, event in entries:
            match event:
                case Reported():
                    self.running[event.job].resource = event.resource
                case JobIssued():
                    self._begin(event.job, event.job.start)
                case JobEnded():
                    self._end(event)
                case _:
                    pass
        self._copy()

    @property
    def elapsed_s(self) -> float:
        """Seconds during which a driver has run the study, up to now."""
        return self._elapsed_s + self._clock() - self._copied_at

    def _begin(self, job: Job, resource: int) -> None:
        self.running[job.id] = JobTally(job, resource)
        number = self._bracket_of(job)
        self.busy[number] = self.busy.get(number, 0) + 1
        self._rung(number, job.target).running += 1

    def _end(self, event: JobEnded) -> None:
        tally = self.running.pop(event.job)
        job = tally.job
        number = self._bracket_of(job)
        self.busy[number] -= 1
        if not self.busy[number]:
            del self.busy[number]
        rung = self._rung(number, job.target)
        rung.running -= 1
        has_arrived = tally.resource >= job.target
        is_final = self._ledger.trials[job.trial].has_failed
        if has_arrived or is_final:
            rung.results += 1
        if event.outcome is Outcome.FAILED and not has_arrived:
            self.last_failure = Failure(job, tally.resource, event.error, is_final)
            self.failures.append(self.last_failure)

    def _bracket_of(self, job: Job) -> int:
        return self._ledger.trials[job.trial].trial.bracket or 0

    def _rung(self, number: int, resource: int) -> RungTally:
        rungs = self.brackets.get(number)
        if rungs is None:
            rungs = self.brackets[number] = self._opened(number)
        if resource not in rungs:  # on the infinite horizon, and where a scheduler has no rungs at all
            rungs[resource] = RungTally()
        return rungs[resource]

    def _opened(self, number: int) -> dict[int, RungTally]:
        """The rungs of a bracket that has just opened. Asking for all of the scheduler's would cost more each time."""
        shape = self._scheduler.shape_of(number) if isinstance(self._scheduler, BracketScheduler) else None
        if shape is None:
            return {}
        return {r: RungTally(capacity=n) for r, n in zip(shape.resources, shape.sizes, strict=True)}

    def _copy(self) -> None:
        """What the ledger says as of the last event, so that drawing need not look there."""
        ledger = self._ledger
        self.n_trials = len(ledger.trials)
        self.n_jobs = ledger.n_jobs
        self.trained = ledger.trained
        self.n_failed = ledger.outcomes[Outcome.FAILED]
        self.n_lost = ledger.outcomes[Outcome.LOST]
        self.n_completed = ledger.outcomes[Outcome.COMPLETED]
        self.budget: Budget = ledger.budget
        self.objective: Objective = ledger.objective
        self.unit: str = "unit" if ledger.opened is None else ledger.opened.unit
        self.slots: int = 0 if ledger.run is None else ledger.run.slots
        self.max_attempts = ledger.retries + 1
        self.closed: str | None = ledger.closed
        self.incumbent: Incumbent | None = ledger.best_at_max_resource
        self.best_value = _value(ledger.objective, ledger.best_at_any_resource)
        self.incumbent_config: Config = (
            {} if self.incumbent is None else ledger.trials[self.incumbent.trial].trial.config
        )
        self._elapsed_s = ledger.elapsed_s
        self._copied_at = self._clock()


def _value(objective: Objective, incumbent: Incumbent | None) -> float | None:
    return None if incumbent is None else objective.value(incumbent.loss)
