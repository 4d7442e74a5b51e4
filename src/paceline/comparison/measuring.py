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
from paceline.driver import Gate
from paceline.events import Budget, Config, Metrics, TrialId
from paceline.executors.simulated import SimulatedTraining, StatefulTraining
from paceline.journal import Entry
from paceline.ledger import Ledger
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
        facts = _peer(cell, cell.settings, benchmark, seconds, units)
    else:
        facts = _ours(cell, cell.settings, benchmark, seconds, units)
    return trace_of(*facts, benchmark, until=seconds)


class LaterLimit(Gate):
    """Lets a run go on beyond its budget of minutes, until it has spent its resource too.

    When time is over, jobs under way will bring what is spent to some number of units. If these are enough, the run ends as
    it would; if not, it goes on without a limit of time.

    Args:
        ledger: its budget is of minutes only.
        units: of resource.
        spare: units beyond, so that every job that could report before `units` are spent is started.
    """

    def __init__(self, ledger: Ledger, units: int, spare: int) -> None:
        super().__init__(ledger)
        self._units = units
        self._spare = spare
        self._goes_on: bool | None = None  # not known before time is over, and then for good

    @property
    def resource(self) -> int | None:
        """See `Gate.resource`; before time is over there is no such limit."""
        return self._units + self._spare if self._goes_on else None

    def time_left_s(self, now: float) -> float | None:
        """See `Gate.time_left_s`; once time is over, there is none to wait for."""
        left = super().time_left_s(now)
        return None if self._goes_on else left

    def reached(self, now: float) -> str | None:
        """See `Gate.reached`."""
        reason = super().reached(now)
        if reason is not None and self._goes_on is None:
            self._goes_on = self._ledger.trained + self._ledger.committed < self._units
        return None if self._goes_on else reason


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


def _ours(cell: Cell, settings: SchedulerSettings, benchmark: Benchmark, seconds: float, units: int) -> Facts:
    training: _Timed | _TimedStateful
    training = _TimedStateful(benchmark) if isinstance(benchmark, StatefulTraining) else _Timed(benchmark)
    end = simulate(
        settings,
        benchmark.space,
        training,
        workers=cell.workers,
        budget=Budget(minutes=seconds / 60),
        gate=lambda ledger: LaterLimit(ledger, units, cell.workers * benchmark.max_resource),
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
