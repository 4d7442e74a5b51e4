"""One cell: a run in virtual time, with the method's own time taken apart from the benchmark's.

Virtual time does not pass while a method thinks. What it takes is measured in seconds of this process's processor: for
ours all of the loop with its facts, for a peer what its questions and answers take.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from paceline.benchmarks import Benchmark
from paceline.comparison.cells import Cell
from paceline.comparison.peers import PeerSettings, drive
from paceline.comparison.traces import Trace, trace_of
from paceline.events import Budget, Config, Metrics, TrialId
from paceline.executors.simulated import SimulatedTraining, StatefulTraining
from paceline.journal import Entry
from paceline.rng import generator_for
from paceline.schedulers.base import SchedulerSettings
from paceline.simulation import simulate

Facts = tuple[Sequence[Entry], Sequence[float]]


def measure(cell: Cell, benchmark: Benchmark) -> Trace:
    """Run a cell. Equal cells have equal traces, but for the seconds that methods took.

    A run goes on until its time is over and it has spent its resource, whichever is later: so there is something to see
    along both axes, and what belongs to one axis is cut off where the budget ends there.
    """
    seconds = cell.terms.budget * benchmark.full_seconds / cell.terms.workers
    units = math.ceil(cell.terms.budget * benchmark.max_resource)
    if isinstance(cell.settings, PeerSettings):
        entries, overheads = _peer(cell, cell.settings, benchmark, seconds, units)
        return trace_of(entries, overheads, benchmark, until=seconds)
    facts = _ours(cell, cell.settings, benchmark, Budget(minutes=seconds / 60))
    trace = trace_of(*facts, benchmark, until=seconds)
    if trace.spent_at_all >= units:
        return trace
    # A budget gates what would exceed it, and changes nothing before: this run begins as the first one did.
    spare = cell.workers * benchmark.max_resource
    facts = _ours(cell, cell.settings, benchmark, Budget(resource=units + spare))
    return trace_of(*facts, benchmark, until=seconds)


def _seed(cell: Cell) -> int:
    """Seeds of the first stream are the list's own; those of others are drawn from them."""
    if cell.stream == 0:
        return cell.seed
    return int(generator_for(cell.seed, "comparison", cell.stream).integers(2**31))


def _peer(cell: Cell, settings: PeerSettings, benchmark: Benchmark, seconds: float, units: int) -> Facts:
    seed = _seed(cell)
    peer = settings.make(benchmark, seed=seed, workers=cell.workers)
    driven = drive(
        peer,
        benchmark,
        workers=cell.workers,
        seed=seed,
        seconds=seconds,
        units=units,
        straggler_sd=cell.terms.straggler_sd,
    )
    return driven.entries, driven.overheads


def _ours(cell: Cell, settings: SchedulerSettings, benchmark: Benchmark, budget: Budget) -> Facts:
    training: _Timed | _TimedStateful
    training = _TimedStateful(benchmark) if isinstance(benchmark, StatefulTraining) else _Timed(benchmark)
    end = simulate(
        settings,
        benchmark.space,
        training,
        workers=cell.workers,
        budget=budget,
        seed=_seed(cell),
        retries=0,
        straggler_sd=cell.terms.straggler_sd,
        saves_checkpoints=benchmark.resumes,
    )
    return end.entries, training.clock.overheads


class _Clock:
    """Tells the processor's time apart: a benchmark's, between `enter` and `leave`, and all else."""

    def __init__(self) -> None:
        self.overheads: list[float] = []
        self._left = time.process_time()
        self._overhead = 0.0

    def enter(self) -> None:
        self._overhead += time.process_time() - self._left

    def leave(self) -> None:
        self._left = time.process_time()

    def note(self) -> None:
        """A report is about to be made."""
        self.overheads.append(self._overhead)


class _Timed:
    """A benchmark whose answers do not count as the method's time."""

    def __init__(self, training: SimulatedTraining) -> None:
        self._training = training
        self.clock = _Clock()

    def metrics(self, trial: TrialId, config: Config, resource: int) -> Metrics:
        self.clock.enter()
        self.clock.note()
        metrics = self._training.metrics(trial, config, resource)
        self.clock.leave()
        return metrics

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        self.clock.enter()
        seconds = self._training.seconds(trial, config, resource)
        self.clock.leave()
        return seconds


class _TimedStateful(StatefulTraining[Any]):
    """Likewise, for a benchmark that really trains."""

    def __init__(self, training: StatefulTraining[Any]) -> None:
        self._training = training
        self.clock = _Clock()

    def begin(self, config: Config, rng: np.random.Generator) -> Any:
        self.clock.enter()
        state = self._training.begin(config, rng)
        self.clock.leave()
        return state

    def train(
        self, state: Any, config: Config, start: int, stop: int, rng: np.random.Generator
    ) -> tuple[Any, Metrics]:
        self.clock.enter()
        self.clock.note()
        trained = self._training.train(state, config, start, stop, rng)
        self.clock.leave()
        return trained

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        return self._training.seconds(trial, config, resource)
