"""What is read off a run, whoever ran it: its incumbents, and what had been spent when each came to be.

One definition of the incumbent for all methods: the best loss observed at the highest resource. It is scored by its
config's true value, which no method sees, or, where training is real and has no noise, by that loss. A second one, of the
best at the highest resource that any trial has reached so far, shows what could have been had earlier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from paceline.benchmarks import Benchmark
from paceline.events import Config, JobEnded, JobIssued, Reported, TrialCreated
from paceline.journal import Entry


class Step(msgspec.Struct, frozen=True, array_like=True):
    """An incumbent comes to be.

    Args:
        seconds: of virtual time.
        overhead_s: processor seconds that the method itself had taken by then.
        spent: units of resource that all jobs had trained by then.
        resource: at which its loss was observed.
        loss: that was observed.
        regret: by `Benchmark.scored`: 0 at the best that is known, 1 at the median of random configs.
        test_loss: likewise: held out where the benchmark has such a value, and else the true one.
        trial: its number.
    """

    seconds: float
    overhead_s: float
    spent: int
    resource: int
    loss: float
    regret: float
    test_loss: float
    trial: int


class Trace(msgspec.Struct, frozen=True):
    """One run.

    Args:
        steps: incumbents at the highest resource, in order; those after the budget of time too, if there are any.
        early: likewise, incumbents at the highest resource that was reached so far.
        seconds: the virtual time of the last result within the budget of time; all that follows is counted until then.
        spent: units of resource.
        trials: configs tried.
        jobs: issued.
        full: results at the highest resource.
        failed: jobs that failed, or reported what is not finite.
        overheads: (trials, processor seconds of the method) when so many trials had been created.
        spent_at_all: units of resource at the end of the run, which may go on until it has spent its resource.
    """

    steps: tuple[Step, ...]
    early: tuple[Step, ...]
    seconds: float
    spent: int
    trials: int
    jobs: int
    full: int
    failed: int
    overheads: tuple[tuple[int, float], ...]
    spent_at_all: int


OVERHEADS_AT = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
"""Numbers of trials at which the method's own time is noted, and at the end."""


def trace_of(
    entries: Iterable[Entry], overheads: Sequence[float], benchmark: Benchmark, *, until: float
) -> Trace:
    """Read a run's facts.

    Args:
        entries: facts with their virtual times, in order.
        overheads: the method's processor seconds before each report, in the order of reports.
        benchmark: that was run on.
        until: the end of the budget of time, with which counts end, those of jobs under way included.
    """
    reader = _Reader(benchmark)
    reports = iter(overheads)
    for at, event in entries:
        if at > until:
            reader.stop_counting()
        match event:
            case TrialCreated(trial=trial):
                reader.create(trial.config)
            case JobIssued(job=job):
                reader.at[job.id] = job.start
                reader.jobs += 1
            case Reported():
                reader.report(at, next(reports), event)
            case JobEnded(outcome=outcome) if outcome.value == "failed":
                reader.failed += 1
            case _:
                pass
    return reader.trace()


class _Reader:
    """Folds facts into a trace."""

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._configs: list[Config] = []
        self.at: dict[int, int] = {}  # by job: what it has reached
        self.jobs = self.failed = 0
        self._spent = self._full = 0
        self._seconds = self._overhead = 0.0
        self._best, self._best_early, self._highest = math.inf, math.inf, 0
        self._steps: list[Step] = []
        self._early: list[Step] = []
        self._overheads: list[tuple[int, float]] = []
        self._counted: Trace | None = None

    def create(self, config: Config) -> None:
        self._configs.append(config)
        if len(self._configs) in OVERHEADS_AT:
            self._overheads.append((len(self._configs), self._overhead))

    def report(self, at: float, overhead: float, event: Reported) -> None:
        benchmark = self._benchmark
        self._spent += event.resource - self.at[event.job]
        self.at[event.job] = event.resource
        self._seconds, self._overhead = at, overhead
        value = event.metrics[benchmark.metric]
        loss = math.inf if value is None or not math.isfinite(value) else value
        self.failed += loss == math.inf
        if event.resource == benchmark.max_resource:
            self._full += 1
            if loss < self._best:
                self._best = loss
                self._steps.append(self._step(event, loss))
        if loss < math.inf and event.resource > self._highest:
            self._highest, self._best_early = event.resource, math.inf
        if event.resource == self._highest and loss < self._best_early:
            self._best_early = loss
            self._early.append(self._step(event, loss))

    def _step(self, event: Reported, loss: float) -> Step:
        regret, test_loss = self._benchmark.scored(self._configs[event.trial], loss)
        return Step(
            self._seconds,
            self._overhead,
            self._spent,
            event.resource,
            loss,
            regret,
            test_loss,
            event.trial,
        )

    def stop_counting(self) -> None:
        """The budget of time is over: what is counted stays as it is, incumbents are noted on."""
        if self._counted is None:
            self._counted = self._trace()

    def trace(self) -> Trace:
        """All of it."""
        counted = self._counted or self._trace()
        return msgspec.structs.replace(
            counted, steps=tuple(self._steps), early=tuple(self._early), spent_at_all=self._spent
        )

    def _trace(self) -> Trace:
        return Trace(
            tuple(self._steps),
            tuple(self._early),
            self._seconds,
            self._spent,
            len(self._configs),
            self.jobs,
            self._full,
            self.failed,
            (*self._overheads, (len(self._configs), self._overhead)),
            self._spent,
        )
