"""Points of the unit cube for models, which know no missing values: each trial is encoded, and imputed, once.

An inactive hyperparameter takes the value of an earlier trial in which it was active, drawn by a stream that the trial
names; while there is none, a uniform number. Each by itself: the paper's code copies all of a row at once.
"""

from __future__ import annotations

import numpy as np

from paceline.density import Array
from paceline.events import TrialId
from paceline.rng import uniforms_for
from paceline.samplers.base import Context


class Encoded:
    """The points of a study's trials.

    Args:
        context: space, seed and ledger.
    """

    def __init__(self, context: Context) -> None:
        self._space = context.space
        self._seed = context.seed
        self._ledger = context.ledger
        self._points: dict[TrialId, Array] = {}
        self._waiting: dict[TrialId, Array] = {}  # NaN where inactive; a cache
        # Of hyperparameters that may be inactive, by column: the values seen, in the order of their arrival.
        self._seen: dict[int, list[float]] = {
            column: []
            for column, name in enumerate(context.space.coordinates)
            if context.space.domains[name].conditions
        }

    def observed(self, trial: TrialId) -> Array:
        """The `(dimension,)` point of a trial that has a result; it stays the same."""
        if trial not in self._points:
            raw = self._raw(trial)
            del self._waiting[trial]
            self._points[trial] = self._imputed(trial, raw)
            for column, seen in self._seen.items():
                if not np.isnan(raw[column]):
                    seen.append(float(raw[column]))
        return self._points[trial]

    def pending(self, trial: TrialId) -> Array:
        """The point of a trial that may have no result yet."""
        found = self._points.get(trial)
        return self._imputed(trial, self._raw(trial)) if found is None else found

    def _raw(self, trial: TrialId) -> Array:
        if trial not in self._waiting:
            self._waiting[trial] = self._space.encode(self._ledger.trials[trial].trial.config)
        return self._waiting[trial]

    def _imputed(self, trial: TrialId, raw: Array) -> Array:
        missing = np.isnan(raw)
        if not missing.any():
            return raw
        point = raw.copy()
        drawn = uniforms_for(self._seed, "impute", trial).random(len(point))
        for column, seen in self._seen.items():
            if missing[column]:
                point[column] = seen[int(drawn[column] * len(seen))] if seen else drawn[column]
        return point
