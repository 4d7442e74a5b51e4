"""Intervals, tests and ranks, on samples whose last axis is seeds: the same seeds for all, so that they are pairs.

Demšar 2006 for ranks over several data sets and Nemenyi's critical difference; Holm 1979 for many tests at once; Wilcoxon
1945 for pairs; Efron 1979 for intervals (docs/papers.md#statistics).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.errors import SettingError

Array = NDArray[np.float64]
K = TypeVar("K")

RESAMPLES = 2000
LEVEL = 0.01
"""At 0.05, one comparison in twenty of a method with itself would find a difference."""


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % bootstrap interval.

    Args:
        value: of the statistic.
        low: 2.5 % quantile over resampled seeds.
        high: 97.5 % quantile.
    """

    value: float
    low: float
    high: float


def mean_interval(sample: Array) -> Estimate:
    """The mean over seeds. Shape (seeds,)."""
    low, high = _interval(sample[None, :])
    return Estimate(float(sample.mean()), float(low[0]), float(high[0]))


def band(samples: Array) -> tuple[Array, Array, Array]:
    """Mean and interval at each of several points, shape (points, seeds): three arrays of shape (points,)."""
    low, high = _interval(samples)
    return samples.mean(axis=-1), low, high


def _interval(samples: Array) -> tuple[Array, Array]:
    n = samples.shape[-1]
    picks = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    weights = np.zeros((RESAMPLES, n))
    np.add.at(
        weights, (np.arange(RESAMPLES)[:, None], picks), 1.0 / n
    )  # a mean of resampled seeds is weighted
    means = samples @ weights.T
    low, high = np.quantile(means, [0.025, 0.975], axis=-1)
    return low, high


def wilcoxon(first: Array, second: Array) -> float:
    """The two-sided p-value of the signed-rank test for pairs; 1 where all pairs are equal. Shape (seeds,)."""
    difference = first - second
    if not np.any(difference):
        return 1.0
    return float(_scipy_stats().wilcoxon(difference, zero_method="zsplit").pvalue)


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """p-values adjusted for being many: the k-th least of m is multiplied by m - k + 1, and none is below one before it."""
    adjusted: dict[K, float] = {}
    highest = 0.0
    in_order = sorted(p_values, key=lambda key: p_values[key])
    for place, key in enumerate(in_order):
        highest = max(highest, min(1.0, p_values[key] * (len(in_order) - place)))
        adjusted[key] = highest
    return {key: adjusted[key] for key in p_values}


class Ranks(msgspec.Struct, frozen=True):
    """Average ranks of methods over tasks, 1 is best.

    Args:
        average: by method, in their order.
        friedman_p: of the hypothesis that all methods are equal; NaN with fewer than three methods.
        critical_difference: Nemenyi's, at `level`: average ranks that are closer do not differ.
        level: of both.
        tasks: how many.
    """

    average: tuple[float, ...]
    friedman_p: float
    critical_difference: float
    level: float
    tasks: int


def ranks(values: Array, *, level: float = 0.05) -> Ranks:
    """Ranks of mean values, lower is better; ties share their ranks. Shape (tasks, methods)."""
    stats = _scipy_stats()
    n_tasks, n_methods = values.shape
    by_task = stats.rankdata(values, axis=1)
    is_testable = n_methods >= 3 and n_tasks >= 2 and bool(np.any(by_task != by_task[:, :1]))
    friedman_p = float(stats.friedmanchisquare(*values.T).pvalue) if is_testable else math.nan
    quantile = float(stats.studentized_range.ppf(1.0 - level, n_methods, np.inf)) / math.sqrt(2.0)
    difference = quantile * math.sqrt(n_methods * (n_methods + 1) / (6.0 * n_tasks))
    return Ranks(tuple(map(float, by_task.mean(axis=0))), friedman_p, difference, level, n_tasks)


class Pair(msgspec.Struct, frozen=True):
    """Two methods, over all tasks and on each.

    Args:
        first: a method.
        second: another.
        difference: first less second, the mean over tasks and seeds; below 0 the first is better.
        p: adjusted by Holm over all pairs and tasks, of the means over tasks.
        better_on: tasks on which the first is better at the level, adjusted likewise.
        worse_on: and worse.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    better_on: tuple[str, ...]
    worse_on: tuple[str, ...]


OVERALL = ""


def pairs(values: Array, methods: Sequence[str], tasks: Sequence[str], *, level: float = LEVEL) -> list[Pair]:
    """All pairs of methods, tested on each task and on the mean over tasks: one family of tests for Holm's adjustment.

    Args:
        values: lower is better; shape (tasks, methods, seeds).
        methods: names along the second axis.
        tasks: names along the first.
        level: what an adjusted p-value is compared with.
    """
    overall = values.mean(axis=0)
    chosen = [(i, j) for i in range(len(methods)) for j in range(i + 1, len(methods))]
    raw: dict[tuple[int, int, str], float] = {}
    for i, j in chosen:
        raw[i, j, OVERALL] = wilcoxon(overall[i], overall[j])
        if len(tasks) > 1:
            raw |= {(i, j, task): wilcoxon(values[t, i], values[t, j]) for t, task in enumerate(tasks)}
    adjusted = holm(raw)
    found = []
    for i, j in chosen:
        signs = {task: float((values[t, i] - values[t, j]).mean()) for t, task in enumerate(tasks)}
        differing = [task for task in tasks if adjusted.get((i, j, task), 1.0) < level]
        found.append(
            Pair(
                methods[i],
                methods[j],
                mean_interval(overall[i] - overall[j]),
                adjusted[i, j, OVERALL],
                tuple(task for task in differing if signs[task] < 0),
                tuple(task for task in differing if signs[task] > 0),
            )
        )
    return found


def _scipy_stats() -> Any:
    try:
        from scipy import stats  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "compare", "tests", expected="SciPy to be installed", hint="Run: pip install 'paceline[compare]'."
        ) from error
    return stats
