"""What models learn from: every result of the study, folded from facts as they come.

A job's end is a result if it reached its target (then it counts with the loss reported there, even if its trial was
stopped since) or if its trial failed for good (loss +inf). Rows stand in the order in which they arrived, so the first
n rows at a resource are the same whenever they are asked for: what is fitted to them depends on facts alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from paceline.events import AnyEvent, Config, JobEnded, TrialCreated, TrialId
from paceline.ledger import Ledger
from paceline.space import Scalar, Space

_Key = tuple[tuple[str, type, Scalar], ...]


class Results:
    """The fold. It is applied to after the ledger.

    Args:
        space: to encode configs, once for each trial.
        ledger: what is known of trials.
    """

    def __init__(self, space: Space, ledger: Ledger) -> None:
        self.space = space
        self._ledger = ledger
        self._points = np.zeros((16, space.dimension))  # the first n rows count; doubled when they are full
        self._losses = np.zeros(16)
        self._resources = np.zeros(16, np.int64)
        self._rows: dict[int, list[int]] = {}  # by resource
        self._top: dict[TrialId, int] = {}  # the highest resource at which a trial has a result
        self._encoded: list[NDArray[np.float64]] = []  # by trial
        self._known: set[_Key] = set()
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

    def pending(self) -> list[TrialId]:
        """The trials that run now, in order of their ids."""
        return sorted({running.job.trial for running in self._ledger.running.values()})

    def point(self, trial: TrialId) -> NDArray[np.float64]:
        """A trial's config as a `(dimension,)` array; not to be written to."""
        return self._encoded[trial]

    def knows(self, config: Config) -> bool:
        """Whether some trial has exactly this config."""
        return _key(config) in self._known

    # The fold --------------------------------------------------------------------------------------------------

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
        match event:
            case TrialCreated():
                self._encoded.append(self.space.encode(event.trial.config))
                self._known.add(_key(event.trial.config))
            case JobEnded():
                self._end(event.trial)
            case _:
                pass  # no other fact is a result

    def _end(self, trial: TrialId) -> None:
        state = self._ledger.trials[trial]
        if state.job is None or self._top.get(trial, 0) >= state.job.target:
            return
        if state.has_reached_target:
            self._add(trial, state.job.target, state.loss)
        elif state.has_failed and not state.is_stopped:  # who was stopped did not fail by itself
            self._add(trial, state.job.target, math.inf)

    def _add(self, trial: TrialId, resource: int, loss: float) -> None:
        if self.n == len(self._losses):
            for name in ("_points", "_losses", "_resources"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self._points[self.n] = self._encoded[trial]
        self._losses[self.n] = loss if math.isfinite(loss) else math.inf
        self._resources[self.n] = resource
        self._rows.setdefault(resource, []).append(self.n)
        self._top[trial] = resource
        self.n += 1


def ranks(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each loss among all, from 0 for the least to at most 1; equal losses share the mean of their places."""
    _, inverse, counts = np.unique(losses, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middles = last - (counts + 1) / 2.0
    return np.asarray(middles[inverse] / max(1, len(losses) - 1))


def _key(config: Config) -> _Key:
    return tuple((name, type(value), value) for name, value in config.items())
