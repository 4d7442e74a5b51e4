"""Studies for tests: one driven by hand, fact by fact, and one driven in virtual time, across crashes.

`Puppet` has neither executor nor clock nor budget: the test says what happens next, and may look at everything. Each
fact goes through the codec on its way into the journal, so that what is folded from there is what a file would give
back. `drive` is the real driver on a simulated executor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paceline.decisions import Decision, facts_of
from paceline.driver import Driver, Recorder, lost_jobs
from paceline.events import (
    AnyEvent,
    Budget,
    BudgetSet,
    Checkpoint,
    Job,
    JobEnded,
    JobIssued,
    Objective,
    Outcome,
    Reported,
    RunStarted,
    SchedulerChanged,
    StudyOpened,
    TrialId,
    decode,
    encode,
)
from paceline.executors.simulated import SimulatedExecutor, SimulatedTraining
from paceline.journal import Journal
from paceline.ledger import Ledger
from paceline.samplers.base import Context
from paceline.schedulers.base import Scheduler, SchedulerSettings
from paceline.space import Domain, Float, Integer, Space

SPACE: Mapping[str, Domain] = {"x": Float(0.0, 1.0), "n": Integer(1, 9)}
"""A space for tests in which configs are drawn, and what they are does not matter."""


class Puppet:
    """A study driven by hand.

    Args:
        settings: the scheduler's.
        space: the search space.
        seed: the study's.
        retries: the study's.
        objective: the metric that `report` reports.
        saves: whether each report comes with a checkpoint.
        lines: the journal of a study to go on with, as encoded events; a new study by default.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        *,
        space: Space | Mapping[str, Domain] = SPACE,
        seed: int = 0,
        retries: int = 2,
        objective: Objective | None = None,
        saves: bool = True,
        lines: list[str] | None = None,
    ) -> None:
        self.settings = settings
        self.space = Space.of(space)
        self.saves = saves
        self.lines: list[str] = []
        self.ledger = Ledger()
        self.scheduler: Scheduler = settings.build(Context(self.space, seed, self.ledger))
        if lines is None:
            self.record(
                StudyOpened(
                    seed=seed,
                    objective=Objective("loss") if objective is None else objective,
                    space=self.space.to_json(),
                    scheduler=settings.to_json(),
                    retries=retries,
                )
            )
        else:
            self.catch_up(lines)

    def folded(self) -> Puppet:
        """Another study that knows nothing but this one's journal."""
        return Puppet(
            self.settings, space=self.space, seed=self._opened.seed, saves=self.saves, lines=list(self.lines)
        )

    def catch_up(self, lines: list[str]) -> None:
        """Take in what a journal holds beyond what this study knows."""
        for line in lines[len(self.lines) :]:
            self._apply(decode(line))
            self.lines.append(line)

    def record(self, *events: AnyEvent) -> None:
        """Let something happen."""
        for event in events:
            self._apply(event)
            self.lines.append(encode(event))

    def _apply(self, event: AnyEvent) -> None:
        self.ledger.apply(event, 0.0)
        self.scheduler.apply(event)

    @property
    def events(self) -> list[AnyEvent]:
        """All that has happened."""
        return [decode(line) for line in self.lines]

    @property
    def jobs(self) -> list[Job]:
        """All jobs that were issued, in order."""
        return [event.job for event in self.events if isinstance(event, JobIssued)]

    @property
    def _opened(self) -> StudyOpened:
        if self.ledger.opened is None:
            raise AssertionError("a journal begins with StudyOpened")
        return self.ledger.opened

    # What the driver does --------------------------------------------------------------------------------------

    def take(self, *, may_start: bool = True) -> Job | None:
        """Carry decisions out up to the first that issues a job; `None` if there is none."""
        while (decision := self.scheduler.decide(may_start=may_start)) is not None:
            job = self.carry_out(decision)
            if job is not None:
                return job
        return None

    def carry_out(self, decision: Decision) -> Job | None:
        """Record what a decision becomes; the job that it issues, if any."""
        facts = facts_of(decision, self.ledger)
        self.record(*facts)
        last = facts[-1]
        return last.job if isinstance(last, JobIssued) else None

    def crash(self) -> Puppet:
        """The driver dies; the next one has the journal, and records that all running jobs are lost."""
        successor = self.folded()
        successor.record(*lost_jobs(successor.ledger, "its driver ended"))
        return successor

    # What the executor does ------------------------------------------------------------------------------------

    def report(self, job: Job, resource: int, loss: float) -> None:
        """A job reports; a loss that is not finite is recorded as the worker does it."""
        self.record(self.report_of(job, resource, loss))

    def report_of(self, job: Job, resource: int, loss: float) -> Reported:
        """The fact that `report` records."""
        objective = self._opened.objective
        value = objective.value(loss) if math.isfinite(loss) else None
        checkpoint = Checkpoint(f"{job.trial}/{resource}-{job.id}", resource) if self.saves else None
        return Reported(job.id, job.trial, resource, {objective.metric: value}, checkpoint=checkpoint)

    def complete(self, job: Job, loss: float) -> None:
        """A job reports at its target, unless it has done so, and ends."""
        if self.ledger.running[job.id].resource < job.target:
            self.report(job, job.target, loss)
        self.end(job, Outcome.COMPLETED)

    def end(self, job: Job, outcome: Outcome) -> None:
        """A job ends."""
        error = None if outcome is Outcome.COMPLETED else f"{outcome} by hand"
        self.record(JobEnded(job.id, job.trial, outcome, error=error))

    def loss_of(self, trial: TrialId) -> float:
        """The loss at the highest resource that the trial has reported."""
        return self.ledger.trials[trial].loss


def drive(
    journal: Journal,
    settings: SchedulerSettings,
    training: SimulatedTraining,
    *,
    space: Space | Mapping[str, Domain] = SPACE,
    slots: int = 1,
    seed: int = 0,
    retries: int = 2,
    budget: Budget | None = None,
    **executor_settings: Any,
) -> Recorder:
    """Drive the study in `journal` in virtual time until it is closed. It is opened if it is new, and else goes on.

    Args:
        journal: the study's.
        settings: the scheduler's; recorded as a change where they differ from the journal's.
        training: what jobs report, and how long they take.
        space: the search space.
        slots: workers.
        seed: of everything random, if the study is new.
        retries: how often a failed job is tried again, if the study is new.
        budget: recorded where it differs from the journal's; `None` leaves that as it is.
        executor_settings: see `SimulatedExecutor`.
    """
    space = Space.of(space)
    executor = SimulatedExecutor(training, slots=slots, seed=seed, **executor_settings)
    entries = list(journal.read())
    opened = entries[0][1] if entries else None
    if not isinstance(opened, StudyOpened):
        opened = StudyOpened(seed, Objective("loss"), space.to_json(), settings.to_json(), retries=retries)
        entries = []
    ledger = Ledger()
    scheduler = SchedulerSettings.from_json(opened.scheduler).build(Context(space, opened.seed, ledger))
    recorder = Recorder(journal, ledger, scheduler)
    for at, event in entries:
        ledger.apply(event, at)
        scheduler.apply(event)
    if not entries:
        recorder.record([opened], 0.0)
    recorder.record([RunStarted("a test", slots, "simulated")], 0.0)
    if settings.to_json() != ledger.scheduler_settings:
        recorder.record([SchedulerChanged(settings.to_json())], 0.0)
    if budget is not None and budget != ledger.budget:
        recorder.record([BudgetSet(budget)], 0.0)
    Driver(recorder, executor).run()
    return recorder
