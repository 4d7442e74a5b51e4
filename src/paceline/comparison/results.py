"""What a comparison found: for each number of workers, every method on every benchmark with every seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from paceline.comparison.cells import Terms
from paceline.comparison.statistics import Array, Estimate, Pair, Ranks, band, mean_interval, pairs, ranks
from paceline.comparison.traces import Step, Trace

Axis = Literal["time", "resource"]
Rule = Literal["max_resource", "any"]

POINTS = 81
"""Points of a curve."""


class Problem(msgspec.Struct, frozen=True):
    """What a reader has to know of a benchmark.

    Args:
        name: `family/instance`.
        dimension: hyperparameters.
        min_resource: the lowest resource, in units.
        max_resource: R.
        unit: of resource.
        full_seconds: time(R), virtual seconds.
        resumes: whether promotions pay only the difference.
        best: the lowest true loss that is known: regret 0.
        median: of random configs: regret 1.
        fingerprint: of its content.
    """

    name: str
    dimension: int
    min_resource: int
    max_resource: int
    unit: str
    full_seconds: float
    resumes: bool
    best: float
    median: float
    fingerprint: str


class Contestant(msgspec.Struct, frozen=True):
    """What a reader has to know of a method.

    Args:
        name: on the page.
        settings: by benchmark, as JSON.
        workers_factor: how many times the workers of the others.
        varied: `(setting, value)` for a variant.
        base: of which method.
        versions: of the libraries that it comes from, for a peer.
        about: a sentence about a peer.
    """

    name: str
    settings: Mapping[str, object]
    workers_factor: int = 1
    varied: tuple[str, str] | None = None
    base: str = ""
    versions: Mapping[str, str] = {}
    about: str = ""


class Band(msgspec.Struct, frozen=True):
    """A curve with its band.

    Args:
        at: time, in units of time(R); or resource, in units of R.
        mean: over seeds, and over benchmarks if several.
        low: of the 95 % bootstrap interval of the mean.
        high: likewise.
        median: over seeds.
    """

    at: Array
    mean: Array
    low: Array
    high: Array
    median: Array


class Group:
    """All runs with one number of workers.

    Args:
        terms: equal for all.
        problems: the benchmarks.
        contestants: the methods.
        seeds: the list that all share.
        traces: by (benchmark, method), one for each seed.
    """

    def __init__(
        self,
        terms: Terms,
        problems: Sequence[Problem],
        contestants: Sequence[Contestant],
        seeds: Sequence[int],
        traces: Mapping[tuple[str, str], Sequence[Trace]],
    ) -> None:
        self.terms = terms
        self.problems = list(problems)
        self.contestants = list(contestants)
        self.seeds = list(seeds)
        self.traces = traces
        self.methods = [it.name for it in self.contestants]
        self.tasks = [it.name for it in self.problems]

    def end(self, axis: Axis) -> float:
        """Where the budget ends: on the axis of time, in units of time(R); on that of resource, in units of R."""
        return self.terms.budget / self.terms.workers if axis == "time" else self.terms.budget

    def regrets(self, axis: Axis = "time", at: float | None = None, rule: Rule = "max_resource") -> Array:
        """Regret at a place of an axis, by default at its end. Shape (benchmarks, methods, seeds)."""
        grid = np.array([self.end(axis) if at is None else at])
        return np.array([self._of(problem, axis, grid, rule)[..., 0] for problem in self.problems])

    def test_losses(self) -> Array:
        """Held-out losses of the final incumbents; NaN where there is none. Shape (benchmarks, methods, seeds)."""
        return np.array(
            [
                [
                    [
                        trace.steps[-1].test_loss if trace.steps else math.nan
                        for trace in self.traces[task, method]
                    ]
                    for method in self.methods
                ]
                for task in self.tasks
            ]
        )

    def curve(
        self, method: str, task: str | None = None, *, axis: Axis = "time", rule: Rule = "max_resource"
    ) -> Band:
        """A method's regret along an axis, on a benchmark, or averaged over all of them seed by seed."""
        tasks = self.tasks if task is None else [task]
        end = self.end(axis)
        grid = np.geomspace(end / 200, end, POINTS)
        chosen = [problem for problem in self.problems if problem.name in tasks]
        of_tasks = [self._of(problem, axis, grid, rule, [method])[0] for problem in chosen]
        values = np.mean(of_tasks, axis=0).T  # (points, seeds)
        mean, low, high = band(values)
        return Band(grid, mean, low, high, np.median(values, axis=-1))

    def finals(self, axis: Axis = "time") -> list[list[Estimate]]:
        """Mean regret at the end with its interval, by benchmark and method."""
        values = self.regrets(axis)
        return [[mean_interval(sample) for sample in of_task] for of_task in values]

    def overall(self, axis: Axis = "time", at: float | None = None) -> list[Estimate]:
        """Mean regret over all benchmarks with its interval, by method: benchmarks are fixed, seeds resampled."""
        return [mean_interval(sample) for sample in self.regrets(axis, at).mean(axis=0)]

    def pairs(self, *, level: float) -> list[Pair]:
        """All pairs of methods, by regret at the end of the budget of time."""
        return pairs(self.regrets(), self.methods, self.tasks, level=level)

    def ranks(self) -> Ranks:
        """Of mean regrets at the end of the budget of time."""
        return ranks(self.regrets().mean(axis=-1))

    def count(self, what: Callable[[Trace], float]) -> list[float]:
        """A mean over all runs of each method."""
        return [
            float(np.mean([what(trace) for task in self.tasks for trace in self.traces[task, method]]))
            for method in self.methods
        ]

    def spent(self) -> list[float]:
        """Mean resource of each method's runs, in full trainings."""
        by_task = {it.name: it.max_resource for it in self.problems}
        return [
            float(
                np.mean(
                    [
                        trace.spent / by_task[task]
                        for task in self.tasks
                        for trace in self.traces[task, method]
                    ]
                )
            )
            for method in self.methods
        ]

    def overheads(self) -> dict[str, dict[int, float]]:
        """By method and number of trials: mean processor seconds that the method itself had taken by then."""
        found: dict[str, dict[int, float]] = {}
        for method in self.methods:
            samples: dict[int, list[float]] = {}
            for task in self.tasks:
                for trace in self.traces[task, method]:
                    for n_trials, seconds in trace.overheads[:-1]:
                        samples.setdefault(n_trials, []).append(seconds)
            found[method] = {n: float(np.mean(samples[n])) for n in sorted(samples)}
        return found

    def _of(
        self, problem: Problem, axis: Axis, grid: Array, rule: Rule, methods: Sequence[str] | None = None
    ) -> Array:
        """Regret on a benchmark at the points of a grid. Shape (methods, seeds, points)."""
        return np.array(
            [
                [
                    _path(trace.steps if rule == "max_resource" else trace.early, problem, axis, grid)
                    for trace in self.traces[problem.name, method]
                ]
                for method in (methods or self.methods)
            ]
        )


def _path(steps: Sequence[Step], problem: Problem, axis: Axis, grid: Array) -> Array:
    """A run's regret at the points of a grid: that of the last step before each, at most 1, and 1 before the first.

    The time of a step is virtual time plus what the method itself had taken by then.
    """
    if axis == "time":
        places = [(step.seconds + step.overhead_s) / problem.full_seconds for step in steps]
    else:
        places = [step.spent / problem.max_resource for step in steps]
    regrets = np.array([1.0, *(min(1.0, step.regret) for step in steps)])
    # A result exactly at a point counts there, whatever rounding made of the quotient.
    found: Array = regrets[np.searchsorted(np.array(places), grid * (1 + 1e-12), side="right")]
    return found


class Comparison(msgspec.Struct, frozen=True):
    """What `compare` answers.

    Args:
        groups: one for each number of workers, in the order asked for.
        measured: runs that were made now.
        cached: runs that were there already.
        command: that makes it again, if a command line made it.
        data: names of what the benchmarks come from.
    """

    groups: list[Group]
    measured: int
    cached: int
    command: str = ""
