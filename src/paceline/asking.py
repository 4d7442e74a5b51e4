"""Ask and tell: the driver's loop turned inside out, for people with a training loop of their own.

The same recorder, gate and decisions as in `driver.py`; the caller takes the executor's place. What `tell` is given is
checked before anything is recorded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from numbers import Real
from typing import SupportsFloat

from paceline.decisions import facts_of
from paceline.driver import Gate, Recorder
from paceline.errors import ReportError
from paceline.events import (
    Budget,
    BudgetSet,
    Config,
    Job,
    JobEnded,
    JobIssued,
    Outcome,
    Reported,
    StudyClosed,
)
from paceline.metrics import Reportable, metrics_of, require


class AskedJob(Job, frozen=True, kw_only=True):
    """A job for a loop of the user's own: train `config` from `start` to `target`, then tell the metrics.

    Args:
        config: the trial's hyperparameters.
    """

    config: Config


class Asker:
    """Hands out jobs and takes in what became of them.

    Args:
        recorder: with everything replayed, by the study's holder.
        clock: seconds since the epoch.
    """

    def __init__(self, recorder: Recorder, clock: Callable[[], float] = time.time) -> None:
        if recorder.scheduler is None:
            raise AssertionError("asking needs a scheduler")
        self._recorder = recorder
        self._scheduler = recorder.scheduler
        self._ledger = recorder.ledger
        self._gate = Gate(recorder.ledger)
        self._clock = clock

    def ask(self) -> AskedJob | None:
        """The next job; `None` when there is nothing to do, or nothing until a job is told."""
        if self._ledger.closed is not None:
            return None
        now = self._clock()
        reason = self._gate.reached(now)
        job = None if reason else self._next_job(now)
        if job is None and not self._ledger.running:
            self._recorder.record([StudyClosed(reason or self._gate.reason_to_close(self._scheduler))], now)
        self._recorder.commit()
        return job

    def _next_job(self, now: float) -> AskedJob | None:
        while True:
            decision = self._scheduler.decide(may_start=self._gate.may_start)
            if decision is None or not self._gate.admits(decision):
                return None
            facts = facts_of(decision, self._ledger)
            self._recorder.record(facts, now)
            if isinstance(facts[-1], JobIssued):
                job = facts[-1].job
                config = self._ledger.trials[job.trial].trial.config
                return AskedJob(job.id, job.trial, job.start, job.target, job.attempt, config=config)

    def tell(
        self, job: Job, metrics: Reportable | None, named: Mapping[str, SupportsFloat], resource: int | None, seconds: float
    ) -> None:  # fmt: skip
        """A report of an open job; at its target the job is completed.

        Raises:
            ReportError: the job is not open, or the report cannot be recorded.
        """
        self._check_open(job)
        if isinstance(seconds, bool) or not isinstance(seconds, Real) or not 0 <= seconds < math.inf:
            raise ReportError(
                f"{_of(job)}: seconds={seconds!r}: expected a number from 0 on. Nothing was recorded."
            )
        at = job.target if resource is None else resource
        metric = self._ledger.objective.metric
        values = metrics_of(metric, metrics, named)
        if at == job.target:
            require(metric, values)
        report = Reported(job.id, job.trial, at, values, float(seconds))
        if isinstance(at, bool) or not isinstance(at, int) or not self._ledger.accepts(report):
            reached = self._ledger.running[job.id].resource
            raise ReportError(
                f"{_of(job)}: resource={at!r} came, and a whole number above {reached} and up "
                f"to {job.target} was expected, because resource counts up within a job. Nothing was recorded."
            )
        now = self._clock()
        self._recorder.record([report], now)
        if at == job.target:
            self._recorder.record([JobEnded(job.id, job.trial, Outcome.COMPLETED)], now)
        self._recorder.commit()

    def tell_failure(
        self, job: Job, error: str, metrics: Reportable | None, named: Mapping[str, SupportsFloat]
    ) -> None:
        """An open job failed.

        Raises:
            ReportError: the job is not open, the error is no text, or metrics came with it.
        """
        self._check_open(job)
        if not isinstance(error, str):
            raise ReportError(
                f"{_of(job)}: failed={error!r}: expected what went wrong, as a str. Nothing was recorded."
            )
        if metrics is not None or named:
            raise ReportError(
                f"{_of(job)}: metrics and failed={error!r} were told together. Tell one of them; nothing was recorded."
            )
        text = error.encode(errors="backslashreplace").decode()  # it may hold what JSON cannot
        self._recorder.record([JobEnded(job.id, job.trial, Outcome.FAILED, error=text)], self._clock())
        self._recorder.commit()

    def set_budget(self, budget: Budget) -> None:
        """Set the study's budget from here on."""
        if budget != self._ledger.budget:
            self._recorder.record([BudgetSet(budget)], self._clock())
            self._recorder.commit()

    def let_go(self) -> None:
        """The caller drives the study no longer."""
        self._recorder.journal.release()

    def _check_open(self, job: Job) -> None:
        running = self._ledger.running.get(job.id) if isinstance(job, Job) else None
        if running is None or running.job.trial != job.trial:
            raise not_open(job)


def not_open(job: object) -> ReportError:
    """The error for a job that cannot be told anything."""
    if not isinstance(job, Job):
        return ReportError(f"{job!r} is no job: tell what ask() has answered. Nothing was recorded.")
    return ReportError(
        f"{_of(job)} is not open: it was told already, or was asked for by a process that has ended. Ask for a new one; "
        "nothing was recorded."
    )


def _of(job: Job) -> str:
    return f"job {job.id} of trial {job.trial}"
