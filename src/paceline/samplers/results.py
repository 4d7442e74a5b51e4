"""What models learn from: every result of the study, in the order in which they came.

The first n rows at a resource are the same whenever they are asked for, so what is fitted to them depends on facts alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from paceline.events import TrialId
from paceline.samplers.base import Context


class Results:
    """The fold of what a sampler observes.

    Args:
        context: space and ledger, which knows each trial's config.
    """

    def __init__(self, context: Context) -> None:
        self._space = context.space
        self._ledger = context.ledger
        self._points = np.zeros(
            (16, self._space.dimension)
        )  # the first n rows count; doubled when they are full
        self._losses = np.zeros(16)
        self._resources = np.zeros(16, np.int64)
        self._rows: dict[int, list[int]] = {}  # by resource
        self.n = 0
        """How many rows there are: one for each trial and resource."""

    # Questions -------------------------------------------------------------------------------------------------

    @property
    def points(self) -> NDArray[np.float64]:
        """The configs: an `(n, dimension)` array, NaN where a hyperparameter is inactive."""
        return self._points[: self.n]

    @property
    def losses(self) -> NDArray[np.float64]:
        """The losses: an `(n,)` array, +inf for failures."""
        return self._losses[: self.n]

    @property
    def resources(self) -> NDArray[np.int64]:
        """Where they were reported: an `(n,)` array, in the study's unit."""
        return self._resources[: self.n]

    @property
    def rungs(self) -> list[int]:
        """The resources with any result, ascending."""
        return sorted(self._rows)

    def rows_at(self, resource: int) -> NDArray[np.intp]:
        """The rows at this resource, in order of arrival."""
        return np.array(self._rows.get(resource, ()), np.intp)

    def highest(self, min_results: int) -> int | None:
        """The highest resource with at least so many results, if there is one."""
        return max(
            (resource for resource, rows in self._rows.items() if len(rows) >= min_results), default=None
        )

    # The fold --------------------------------------------------------------------------------------------------

    def add(self, trial: TrialId, resource: int, loss: float) -> None:
        """A result enters."""
        if self.n == len(self._losses):
            for name in ("_points", "_losses", "_resources"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self._points[self.n] = self._space.encode(self._ledger.trials[trial].trial.config)
        self._losses[self.n] = loss if math.isfinite(loss) else math.inf
        self._resources[self.n] = resource
        self._rows.setdefault(resource, []).append(self.n)
        self.n += 1


def ranks(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each loss among all, from 0 for the least to at most 1; equal losses share the mean of their places."""
    _, inverse, counts = np.unique(losses, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middles = last - (counts + 1) / 2.0
    return np.asarray(middles[inverse] / max(1, len(losses) - 1))
