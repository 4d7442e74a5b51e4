"""Runs a peer in virtual time: the same executor as for our own methods, the same facts, the same end.

The budget ends a peer's run as it ends ours: no job is issued after it, and jobs under way end by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.base import Peer, Work
from paceline.events import (
    Checkpoint,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
    Outcome,
    Reported,
    Trial,
    TrialCreated,
    TrialId,
)
from paceline.executors.protocol import Assignment, ExecutorEvent
from paceline.executors.simulated import SimulatedExecutor
from paceline.journal import Entry

T = TypeVar("T")


class Driven(msgspec.Struct, frozen=True):
    """How a peer's run went.

    Args:
        entries: facts with their virtual times in seconds, as `simulate` has them.
        overheads: processor seconds in the peer's answers before each report, in the order of reports.
    """

    entries: list[Entry]
    overheads: list[float]


def drive(
    peer: Peer,
    benchmark: Benchmark,
    *,
    workers: int,
    seed: int,
    seconds: float,
    units: int = 0,
    straggler_sd: float = 0.0,
) -> Driven:
    """Run a peer until its time is over and its resource is spent, whichever is later, and close it.

    Args:
        peer: the optimizer.
        benchmark: what it trains.
        workers: jobs that can run at once.
        seed: of stragglers.
        seconds: of virtual time.
        units: of resource.
        straggler_sd: see `SimulatedExecutor`.
    """
    executor = SimulatedExecutor(
        benchmark, slots=workers, seed=seed, straggler_sd=straggler_sd, saves_checkpoints=benchmark.resumes
    )
    run = _Run(peer, executor, Objective(benchmark.metric), benchmark)

    def is_over() -> bool:
        return executor.now() >= seconds and run.spent >= units

    try:
        return _driven(run, executor, is_over)
    finally:
        peer.close()


def _driven(run: _Run, executor: SimulatedExecutor, is_over: Callable[[], bool]) -> Driven:
    while True:
        while run.n_free and not is_over() and (work := run.timed(run.peer.ask)) is not None:
            run.begin(work)
        if run.n_free == executor.slots:
            return Driven(run.entries, run.overheads)
        news: list[ExecutorEvent] = []
        executor.wait(news.extend, None)
        for event in news:
            run.take(event, is_over=is_over())


class _Run:
    """The state of a run."""

    def __init__(
        self, peer: Peer, executor: SimulatedExecutor, objective: Objective, benchmark: Benchmark
    ) -> None:
        self.peer = peer
        self._executor = executor
        self._objective = objective
        self._space = benchmark.space
        self._trials: dict[int, Trial] = {}  # by the peer's key
        self._at_work: dict[int, Work] = {}  # by job
        self._losses: dict[int, float] = {}  # by job: what it reported
        self._checkpoints: dict[int, Checkpoint] = {}  # by trial
        self._n_jobs = 0
        self._overhead = 0.0
        self._reached: dict[int, int] = {}  # by job: what it has trained to
        self.spent = 0
        self.n_free = executor.slots
        self.entries: list[Entry] = []
        self.overheads: list[float] = []

    def timed(self, answer: Callable[[], T]) -> T:
        """A peer's answer, whose time is its overhead."""
        began = time.process_time() + self.peer.elsewhere_s
        found = answer()
        self._overhead += time.process_time() + self.peer.elsewhere_s - began
        return found

    def begin(self, work: Work) -> None:
        """Give a free worker its work."""
        now = self._executor.now()
        trial = self._trials.get(work.key)
        if trial is None:
            trial = self._trials[work.key] = Trial(
                TrialId(len(self._trials)), self._space.validate(work.config)
            )
            self.entries.append((now, TrialCreated(trial)))
        job = Job(JobId(self._n_jobs), trial.id, work.start, work.resource)
        self._n_jobs += 1
        self.n_free -= 1
        self._at_work[job.id] = work
        self._reached[job.id] = job.start
        self.entries.append((now, JobIssued(job)))
        checkpoint = self._checkpoints[trial.id] if work.start else None
        self._executor.start(Assignment(job, trial.config, checkpoint))

    def take(self, event: ExecutorEvent, *, is_over: bool) -> None:
        """Take in what has happened; a worker that has something to go on with does so."""
        self.entries.append((self._executor.now(), event))
        if isinstance(event, Reported):
            self.overheads.append(self._overhead)
            self.spent += event.resource - self._reached[event.job]
            self._reached[event.job] = event.resource
            self._losses[event.job] = self._objective.loss(event.metrics)
            if event.checkpoint is not None:
                self._checkpoints[event.trial] = event.checkpoint
        elif isinstance(event, JobEnded) and event.outcome is Outcome.COMPLETED:
            self.n_free += 1
            work, loss = self._at_work.pop(event.job), self._losses.pop(event.job)
            following = self.timed(
                lambda: self.peer.tell(work, loss if loss < float("inf") else float("nan"))
            )
            if following is not None and not is_over:
                self.begin(following)
