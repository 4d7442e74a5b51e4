"""Time to a target, read off the runs of a comparison; and how rare a target is.

A target is a regret that one in so many random configs has at most when fully trained. A run has reached it when its
incumbent, the best observed at R, has a true regret no greater: luck with noise does not count. Times are in units of
time(R), and the method's own seconds are part of them. A run that does not reach its target counts as if it did when its
budget ended, which favours it; tables say how many do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from evidence import RESAMPLES, Estimate, Lab

from paceline.benchmarks import Benchmark, benchmark
from paceline.comparison import Comparison, Method, compare
from paceline.comparison.results import Axis, Group, Problem
from paceline.comparison.traces import Trace
from paceline.rng import uniforms_for

Array = np.ndarray
Targets = Mapping[str, float]
DRAWS = 5000
"""Random configs from which a target is read off."""


def compared(
    lab: Lab,
    methods: Sequence[str | Method],
    tasks: Sequence[str | Benchmark],
    *,
    workers: int,
    budget: float,
    seeds: int,
) -> Group:
    """A comparison on this lab's cores, with results kept as `paceline compare` keeps them."""
    found: Comparison = compare(
        methods, tasks, workers=workers, budget=budget, seeds=seeds, processes=lab.processes
    )
    return found.groups[0]


# Targets -------------------------------------------------------------------------------------------------------------


@cache
def rare_regret(name: str, one_in: int) -> float:
    """The regret that one in so many random configs has at most."""
    return rare_regret_of(benchmark(name), one_in)


def rare_regret_of(it: Benchmark, one_in: int, draws: int = DRAWS) -> float:
    """Likewise, of a benchmark that has no name."""
    regrets = [it.regret(it.space.sample(uniforms_for(0, "target", i))) for i in range(draws)]
    return float(np.quantile(regrets, 1.0 / one_in))


def times_to(group: Group, method: str, targets: Targets, *, axis: Axis = "time") -> Array:
    """When each run of a method reaches its task's target; inf where it does not. Shape (tasks, seeds)."""
    return np.array(
        [
            [
                _time_to(problem, trace, targets[problem.name], axis)
                for trace in group.traces[problem.name, method]
            ]
            for problem in group.problems
        ]
    )


def _time_to(problem: Problem, trace: Trace, target: float, axis: Axis) -> float:
    for step in trace.steps:
        if step.regret <= target:
            if axis == "resource":
                return step.spent / problem.max_resource
            return (step.seconds + step.overhead_s) / problem.full_seconds
    return math.inf


# Statistics of samples whose last axis is seeds -----------------------------------------------------------------------

Statistic = Callable[..., Array]


def interval(statistic: Statistic, *samples: Array) -> Estimate:
    """A statistic of samples of shape (tasks, seeds), with its interval: seeds are resampled, for all of them alike.

    Args:
        statistic: of arrays of shape (..., tasks, seeds); it takes away the last two axes.
        samples: of equal shape.
    """
    n = samples[0].shape[-1]
    picks = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    resampled = statistic(*(np.moveaxis(sample[:, picks], 0, 1) for sample in samples))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(float(statistic(*samples)), float(low), float(high), n)


def ratio_of_medians(above: Array, below: Array) -> Array:
    """The ratio of medians over seeds, its geometric mean over tasks."""
    return _geometric(np.median(above, axis=-1) / np.median(below, axis=-1))


def ratio_of_means(above: Array, below: Array) -> Array:
    """The ratio of means over seeds, its geometric mean over tasks."""
    return _geometric(above.mean(axis=-1) / below.mean(axis=-1))


def pooled_median(sample: Array) -> Array:
    """Over all tasks and seeds."""
    return np.asarray(np.median(sample, axis=(-2, -1)))


def _geometric(ratios: Array) -> Array:
    return np.asarray(np.exp(np.log(ratios).mean(axis=-1)))


def censored(times: Array, end: float) -> Array:
    """Times with what was not reached in the budget at its end."""
    return np.minimum(times, end)


def reached(times: Array, end: float) -> str:
    """How many runs reached their target within the budget, in words."""
    return f"{int((times <= end).sum())} of {times.size}"
