"""Jobs in virtual time: when all slots are busy, time jumps to the next thing that happens.

Five hundred workers cost no more than one. What a trial would report and how long its training would take come from a
`SimulatedTraining`; stragglers and dropped jobs from streams named by the job, so that a simulation gives the same
journal on every machine, whatever the number of workers it is watched with.

A `SimulatedTraining` says what each trial would report, whatever came before. A `StatefulTraining` really trains, in
virtual time: its states are saved, and gone on from by promotions and forks, as real checkpoints are.

The model of Li et al. 2020, appendix A.1: a job's time is its nominal time multiplied by 1 + |z|, z normal with
standard deviation `straggler_sd`; in each unit of time a running job is dropped with probability `drop_rate`. A dropped
job's time is wasted and its worker is free at once. `drop_outcome` says what a drop means: `LOST` (preempted: the job
is due again, a promotion becomes promotable again) or `FAILED` (it crashed: it counts against the trial).
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import numpy as np

from paceline.errors import SettingError
from paceline.events import Checkpoint, Config, Job, JobEnded, Metrics, Outcome, Reported, TrialId
from paceline.executors.protocol import Assignment, Deliver, ExecutorEvent
from paceline.rng import generator_for
from paceline.settings import at_least


class SimulatedTraining(Protocol):
    """What training would do."""

    def metrics(self, trial: TrialId, config: Config, resource: int) -> Metrics:
        """What the trial reports at this resource."""
        ...

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        """How long the trial takes from nothing to this resource; must not fall as the resource rises."""
        ...


State = TypeVar("State")


class StatefulTraining(ABC, Generic[State]):
    """Training that goes on from a state: weights, optimizer, whatever a checkpoint would hold.

    A saved state is copied (`copy.deepcopy`) by each job that goes on from it, so `train` may change its own in place.
    """

    @abstractmethod
    def begin(self, config: Config, rng: np.random.Generator) -> State:
        """The state at resource 0.

        Args:
            config: of the trial.
            rng: the trial's own, the same each time that the trial begins.
        """

    @abstractmethod
    def train(
        self, state: State, config: Config, start: int, stop: int, rng: np.random.Generator
    ) -> tuple[State, Metrics]:
        """Train a state on, and evaluate it.

        Args:
            state: trained to `start`; may be changed in place.
            config: of the trial that trains it now.
            start: the resource before.
            stop: the resource after.
            rng: of this trial from this resource on, the same if it is repeated.

        Returns:
            The state at `stop`, and what is reported there.
        """

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002
        """See `SimulatedTraining.seconds`; one for each unit by default."""
        return float(resource)


class _Run(msgspec.Struct, gc=False):
    """A job under way: when it began or last reported, the virtual seconds a nominal second takes, when it drops.

    `state` is what it trains, if it really trains.
    """

    job: Job
    config: Config
    at: int
    began: float
    stretch: float
    drops_at: float
    state: Any = None


class SimulatedExecutor:
    """An executor in virtual time.

    Args:
        training: what jobs report and how long they take.
        slots: workers.
        seed: of stragglers and drops.
        straggler_sd: σ of the time factor 1 + |N(0, σ²)|, drawn for each job.
        drop_rate: probability that a running job is dropped within one unit of time.
        drop_outcome: `LOST` or `FAILED`.
        report_every: report at multiples of this resource too; `None` is at the target only.
        saves_checkpoints: whether a job's end can be gone on from.

    Raises:
        SettingError: a setting is wrong.
    """

    def __init__(
        self,
        training: SimulatedTraining | StatefulTraining[Any],
        *,
        slots: int,
        seed: int = 0,
        straggler_sd: float = 0.0,
        drop_rate: float = 0.0,
        drop_outcome: Outcome = Outcome.LOST,
        report_every: int | None = None,
        saves_checkpoints: bool = True,
    ) -> None:
        at_least("workers", slots, 1)
        if not straggler_sd >= 0:
            raise SettingError("straggler_sd", straggler_sd, expected="a number of at least 0")
        if not 0 <= drop_rate < 1:
            raise SettingError("drop_rate", drop_rate, expected="a probability below 1")
        if report_every is not None:
            at_least("report_every", report_every, 1)
        self.slots = slots
        self._training = training
        self._seed = seed
        self._straggler_sd = straggler_sd
        self._drop_rate = drop_rate
        self._drop_outcome = drop_outcome
        self._report_every = report_every
        self._saves = saves_checkpoints
        self._now = 0.0
        self._queue: list[tuple[float, int, _Run]] = []  # (when, a count that breaks ties, what)
        self._n_queued = 0
        self._is_interrupted = False
        self._states: dict[str, Any] = {}  # what was saved, by the key of its checkpoint

    def now(self) -> float:
        """The virtual time, in seconds from 0."""
        return self._now

    def start(self, assignment: Assignment) -> None:
        """Begin a job at the present virtual time."""
        job = assignment.job
        stretch, drops_at = 1.0, math.inf
        if self._straggler_sd or self._drop_rate:
            generator = generator_for(self._seed, "simulated job", job.id)
            stretch += abs(self._straggler_sd * generator.standard_normal())
            if self._drop_rate:  # the time to the first drop is geometric; its continuous form is exponential
                drops_at = self._now + generator.exponential(-1.0 / math.log1p(-self._drop_rate))
        run = _Run(job, assignment.config, job.start, self._now, stretch, drops_at)
        if isinstance(self._training, StatefulTraining):
            run.state = self._loaded(self._training, assignment)
        self._schedule(run)

    def wait(self, deliver: Deliver, timeout_s: float | None) -> None:
        """Jump to the next thing that happens, unless that is more than `timeout_s` ahead.

        After an interrupt jump in any case: nothing but the running jobs' ends is awaited then.
        """
        if not self._queue:
            return
        when = self._queue[0][0]
        if timeout_s is not None and not self._is_interrupted and when > self._now + timeout_s:
            self._now = max(
                self._now + timeout_s, math.nextafter(self._now, math.inf)
            )  # it must not stand still
            return
        _, _, run = heappop(self._queue)
        seconds, self._now = when - run.began, when
        if when >= run.drops_at:
            trained = run.at - run.job.start
            deliver(
                [JobEnded(run.job.id, run.job.trial, self._drop_outcome, trained=trained, error="dropped")]
            )
        else:
            deliver(self._report(run, seconds))

    def interrupt(self) -> None:
        """Let each running job end at its next report."""
        self._is_interrupted = True

    def close(self) -> None:
        """Forget all jobs and states."""
        self._queue.clear()
        self._states.clear()

    @property
    def saved(self) -> Collection[str]:
        """The keys of the states that are kept."""
        return self._states.keys()

    def forget(self, key: str) -> None:
        """Let go of a saved state, if there is one."""
        self._states.pop(key, None)

    def _loaded(self, training: StatefulTraining[Any], assignment: Assignment) -> Any:
        """The state from which a job starts."""
        if assignment.checkpoint is not None:
            return copy.deepcopy(self._states[assignment.checkpoint.key])
        return training.begin(
            assignment.config, generator_for(self._seed, "simulated beginning", assignment.job.trial)
        )

    def _report(self, run: _Run, seconds: float) -> list[ExecutorEvent]:
        job, resource = run.job, self._next_report(run)
        is_last = resource == job.target
        checkpoint = None
        if self._saves and (is_last or self._is_interrupted):
            checkpoint = Checkpoint(f"{job.trial}/{resource}-{job.id}", resource)
        metrics = _as_recorded(self._trained(run, resource))
        if checkpoint is not None and isinstance(self._training, StatefulTraining):
            self._states[checkpoint.key] = run.state  # the job ends here: nobody trains it any more
        events: list[ExecutorEvent] = [Reported(job.id, job.trial, resource, metrics, seconds, checkpoint)]
        if is_last:
            events.append(JobEnded(job.id, job.trial, Outcome.COMPLETED))
        elif self._is_interrupted:
            events.append(JobEnded(job.id, job.trial, Outcome.LOST, error="paused"))
        else:
            self._schedule(msgspec.structs.replace(run, at=resource, began=self._now))
        return events

    def _trained(self, run: _Run, resource: int) -> Metrics:
        """What is reported at `resource`."""
        training, job = self._training, run.job
        if not isinstance(training, StatefulTraining):
            return training.metrics(job.trial, run.config, resource)
        rng = generator_for(self._seed, "simulated training", job.trial, run.at)
        run.state, metrics = training.train(run.state, run.config, run.at, resource, rng)
        return metrics

    def _next_report(self, run: _Run) -> int:
        if self._report_every is None:
            return run.job.target
        return min((run.at // self._report_every + 1) * self._report_every, run.job.target)

    def _schedule(self, run: _Run) -> None:
        job, resource = run.job, self._next_report(run)
        seconds = self._training.seconds(job.trial, run.config, resource)
        if run.at:
            seconds -= self._training.seconds(job.trial, run.config, run.at)
        when = min(run.began + seconds * run.stretch, run.drops_at)
        self._n_queued += 1
        heappush(self._queue, (when, self._n_queued, run))


def _as_recorded(metrics: Metrics) -> Metrics:
    """As a worker reports them: a value that is not finite is `None`."""
    return {
        name: None if value is None or not math.isfinite(value) else value for name, value in metrics.items()
    }
