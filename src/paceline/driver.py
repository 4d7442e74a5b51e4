"""The one loop.

    replay the journal                          starting and resuming are the same path
    jobs that were running: lost                their driver died with them
    until the study is closed:
        for each free slot: decide
        record what happened and what was decided, in one transaction       write ahead ...
        carry the decisions out                                             ... then act
        wait for the executor's news

The same loop drives virtual time, the caller's own thread, local processes and any engine that has an executor. It
knows nothing of rungs; what it adds to a scheduler is the budget's gate, and the order in which things become durable.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, assert_never

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial, StopTrial, facts_of
from paceline.errors import PacelineError, TrainingFunctionError
from paceline.events import AnyEvent, JobEnded, JobIssued, Outcome, StudyClosed
from paceline.executors.protocol import Assignment, Executor, ExecutorEvent
from paceline.journal import Entry, Journal
from paceline.ledger import Ledger
from paceline.schedulers.base import Scheduler

Observer = Callable[[Sequence[Entry]], None]
"""Is told what was recorded, after it is durable."""

NOTICE_S = 0.5
"""How long an interrupt may go unnoticed while nothing happens."""

HOPELESS_AFTER = 5
"""Trials that fail for good, before any job of a run has succeeded, until the run is given up: the function is broken."""


class Janitor(Protocol):
    """Learns from facts what is no longer needed, and clears it away once they are durable."""

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact, which the ledger has just taken in."""
        ...

    def tidy(self) -> None:
        """Clear away what the facts so far have freed."""
        ...


class Recorder:
    """The only way in which a fact comes to be: journal, ledger, scheduler, observers, in this order of trust.

    Facts are applied at once and become durable with the next `commit`, all of them in one transaction; nothing is
    carried out in between. If the commit fails, this object is ahead of the journal and must be thrown away.

    Args:
        journal: where facts are kept.
        ledger: folded first.
        scheduler: folded second.
        observers: told last, once the facts are durable.
    """

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        scheduler: Scheduler | None,
        observers: Iterable[Observer] = (),
    ) -> None:
        self.journal = journal
        self.ledger = ledger
        self.scheduler = scheduler
        self._observers = list(observers)
        self._janitor: Janitor | None = None
        self._pending: list[Entry] = []
        self._has_failed = False

    def replay(self) -> None:
        """Take in what the journal holds already."""
        with _no_garbage_collection():
            for at, event in self.journal.read():
                self._apply(at, event)

    @property
    def is_ahead(self) -> bool:
        """Whether facts were recorded that are not durable."""
        return self._has_failed or bool(self._pending)

    def observe(self, observer: Observer) -> None:
        """Tell `observer` too from now on."""
        self._observers.append(observer)

    def employ(self, janitor: Janitor) -> None:
        """Let `janitor` clear up from now on."""
        self._janitor = janitor

    def record(self, events: Iterable[AnyEvent], at: float) -> None:
        """Add facts; see `commit`."""
        for event in events:
            self._apply(at, event)
            self._pending.append((at, event))
            if self._janitor is not None:
                self._janitor.apply(event)

    def commit(self, *, and_tidy: bool = True) -> None:
        """Make the recorded facts durable.

        Args:
            and_tidy: clear away at once what they free; otherwise with `tidy`, once jobs that wait have been started.
        """
        if not self._pending:
            return
        entries, self._pending = self._pending, []
        self._has_failed = True
        self.journal.append(entries)
        self._has_failed = False
        for observer in self._observers:
            observer(entries)
        if and_tidy:
            self.tidy()

    def tidy(self) -> None:
        """Clear away what the durable facts have freed."""
        if self._janitor is not None:
            self._janitor.tidy()

    def _apply(self, at: float, event: AnyEvent) -> None:
        self.ledger.apply(event, at)
        if self.scheduler is not None:
            self.scheduler.apply(event)


class Gate:
    """The study's budget: what it lets through, and when it closes the study.

    Args:
        ledger: it holds the budget as a recorded fact, and what was spent.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def resource(self) -> int | None:
        """The units of resource that may be spent in all; `None` without such a limit."""
        return self._ledger.budget.resource

    @property
    def may_start(self) -> bool:
        """Whether the budget has room for one more trial."""
        limit = self._ledger.budget.trials
        return limit is None or len(self._ledger.trials) < limit

    def admits(self, decision: Decision) -> bool:
        """Whether the resource that the decision would spend is left."""
        limit = self.resource
        if limit is None:
            return True
        match decision:
            case StartTrial():
                cost = decision.target
            case ForkTrial():
                cost = decision.target - decision.origin.resource
            case ResumeTrial():
                cost = decision.target - decision.start
            case StopTrial():
                return True
            case _:
                assert_never(decision)
        return self._ledger.trained + self._ledger.committed + cost <= limit

    def time_left_s(self, now: float) -> float | None:
        """Seconds until the budget's minutes are over; `None` without such a limit."""
        minutes = self._ledger.budget.minutes
        return None if minutes is None else minutes * 60 - self._ledger.elapsed_until(now)

    def reached(self, now: float) -> str | None:
        """Which limit ends the study at once, running jobs included, if any does."""
        target, best = self._ledger.budget.target, self._ledger.best_at_any_resource
        if target is not None and best is not None:
            objective = self._ledger.objective
            if best.loss <= objective.loss({objective.metric: target}):
                return f"the target of {target:g} was reached"
        time_left_s = self.time_left_s(now)
        if time_left_s is not None and time_left_s <= 0:
            return f"the budget of {self._ledger.budget.minutes:g} minutes is spent"
        return None

    def reason_to_close(self, scheduler: Scheduler) -> str:
        """Why nothing runs and nothing can be started: what a larger budget would let the scheduler do tells."""
        if scheduler.decide(may_start=self.may_start) is not None:
            return f"the rest of the budget of {self.resource} units is too small for the next job"
        if scheduler.decide() is not None:
            return f"the budget of {self._ledger.budget.trials} trials is spent"
        return "the scheduler has nothing left to do"


class Driver:
    """Runs a study on an executor until it is closed or interrupted.

    Args:
        recorder: with everything replayed.
        executor: where jobs run.
        gate: what may be spent; by default the study's budget.
    """

    def __init__(self, recorder: Recorder, executor: Executor, gate: Gate | None = None) -> None:
        if recorder.scheduler is None:
            raise AssertionError("a driver needs a scheduler")
        self._recorder = recorder
        self._scheduler = recorder.scheduler
        self._ledger = recorder.ledger
        self._executor = executor
        self._gate = Gate(self._ledger) if gate is None else gate
        self._is_interrupted = False
        self._is_landing = False
        self._ending: str | None = None
        self._n_completed = 0
        self._n_hopeless = 0
        self._last_failure: str | None = None

    def interrupt(self) -> None:
        """Start no more jobs; let the running ones end at their next report. The study stays open.

        Safe in a signal handler: it is only noted here, and carried out by the loop within `NOTICE_S`.
        """
        self._is_interrupted = True

    def run(self) -> None:
        """Drive the study until it is closed, or until an interrupted run has ended.

        Raises:
            TrainingFunctionError: the training function has failed every time, or for every config of the study.
            StorageError: the journal failed; what it holds is intact.
        """
        record, ledger = self._recorder.record, self._ledger
        record(lost_jobs(ledger, "its driver ended"), self._executor.now())
        while True:
            try:
                assignments = self._decide()
            except PacelineError:  # the scheduler cannot go on; what happened before is a fact all the same
                self._recorder.commit()
                raise
            self._recorder.commit(and_tidy=False)
            for assignment in assignments:
                self._executor.start(assignment)
            self._recorder.tidy()  # no job waits until large checkpoints are deleted
            if not ledger.running:
                break
            try:
                self._executor.wait(self._receive, self._timeout_s())
            except PacelineError:  # what was told before the trouble is a fact all the same
                self._recorder.commit()
                raise
            self._watch()
            self._recorder.journal.keep_alive()
        if ledger.closed is None and not self._is_interrupted:
            record(
                [StudyClosed(self._ending or self._gate.reason_to_close(self._scheduler))],
                self._executor.now(),
            )
            self._recorder.commit()
            self._refuse_if_all_failed()

    def _decide(self) -> list[Assignment]:
        """Fill the free slots with decisions, recorded but not yet carried out."""
        assignments: list[Assignment] = []
        now = self._executor.now()
        while self._takes_jobs(now) and len(self._ledger.running) < self._executor.slots:
            decision = self._scheduler.decide(may_start=self._gate.may_start)
            if decision is None or not self._gate.admits(decision):
                break
            facts = facts_of(decision, self._ledger)
            self._recorder.record(facts, now)
            if isinstance(facts[-1], JobIssued):
                assignments.append(self._assign(facts[-1]))
        return assignments

    def _takes_jobs(self, now: float) -> bool:
        if self._is_interrupted or self._ledger.closed is not None or self._ending is not None:
            return False
        self._ending = self._gate.reached(now)
        return self._ending is None

    def _assign(self, issued: JobIssued) -> Assignment:
        state = self._ledger.trials[issued.job.trial]
        checkpoint = state.checkpoint if issued.job.start else None
        return Assignment(
            issued.job,
            state.trial.config,
            checkpoint,
            may_continue=self._scheduler.resumes,
            is_fork=state.trial.origin is not None,
        )

    def _receive(self, events: Sequence[ExecutorEvent]) -> None:
        """Record an executor's news; what is late or repeated is dropped."""
        now = self._executor.now()
        has_free_slot = False
        for event in events:
            if not self._ledger.accepts(event):
                continue
            self._recorder.record([event], now)
            if isinstance(event, JobEnded):
                has_free_slot = True
                self._count(event)
        self._watch()
        if not has_free_slot:  # otherwise the decisions that follow become durable in the same transaction
            self._recorder.commit()

    def _count(self, event: JobEnded) -> None:
        if event.outcome is Outcome.COMPLETED:
            self._n_completed += 1
        elif event.outcome is Outcome.FAILED and self._ledger.trials[event.trial].has_failed:
            self._n_hopeless += 1
            self._last_failure = event.error
            if self._n_hopeless >= HOPELESS_AFTER and not self._n_completed:
                self._recorder.commit()
                raise TrainingFunctionError(
                    f"the training function failed for each of the first {self._n_hopeless} configs, so the run was "
                    "ended. What was recorded is kept: correct the function and run again, which goes on with new configs. "
                    f"The last failure:\n{event.error}"
                )

    def _refuse_if_all_failed(self) -> None:
        """A study that closed without any result is no success."""
        trials = self._ledger.trials
        if self._n_hopeless and not self._n_completed and all(state.has_failed for state in trials):
            raise TrainingFunctionError(
                f"the training function failed for each of the {len(trials)} configs, and the study is closed: "
                f"{self._ledger.closed}. What was recorded is kept: correct the function and run again with a larger budget, "
                f"or under another name. The last failure:\n{self._last_failure}"
            )

    def _watch(self) -> None:
        """Once a limit is reached, or on an interrupt, let the running jobs end at their next report."""
        if self._is_landing:
            return
        if self._ending is None and not self._is_interrupted:
            self._ending = self._gate.reached(self._executor.now())
        if self._ending is not None or self._is_interrupted:
            self._is_landing = True
            self._executor.interrupt()

    def _timeout_s(self) -> float | None:
        limits = [None if self._is_landing else self._gate.time_left_s(self._executor.now())]
        if self._recorder.journal.heartbeat_s is not None:  # real time, in which somebody may press Ctrl-C
            limits += [self._recorder.journal.heartbeat_s, NOTICE_S]
        return min((max(0.0, limit) for limit in limits if limit is not None), default=None)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A fold makes millions of objects and no cycles: looking for some takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def lost_jobs(ledger: Ledger, cause: str) -> list[JobEnded]:
    """The end of every job that nobody carries out any more."""
    return [
        JobEnded(job_id, running.job.trial, Outcome.LOST, error=cause)
        for job_id, running in ledger.running.items()
    ]
