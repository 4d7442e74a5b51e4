"""Conformal quantile regression (Salinas et al. 2023) as a sampler, for the comparison in `real_data.py`.

Not shipped: docs/model-based.md says why. After the paper, from memory: boosted trees predict some quantiles of the loss from the config alone, fitted to each trial's last value at whatever resource; results
that are kept apart correct them; for each candidate one quantile is drawn, and the least is proposed. Losses are ranks
here. The trees are fitted anew when there are a tenth more results, five at least.
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor

from paceline.events import TrialId
from paceline.rng import generator_for
from paceline.samplers.base import Context, SamplerSettings
from paceline.samplers.model import ModelSampler, Ranking
from paceline.samplers.points import Candidates, Features
from paceline.samplers.results import Results, ranks

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
CANDIDATES = 500
MIN_RESULTS = 16


class Quantiles(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """See this file's head.

    Args:
        random_fraction: the share of proposals that are drawn at random.
    """

    random_fraction: float = 1 / 3

    def build(self, context: Context) -> QuantilesSampler:
        """The sampler."""
        return QuantilesSampler(context, self.random_fraction)


class QuantilesSampler(ModelSampler):
    """See `Quantiles`."""

    def __init__(self, context: Context, random_fraction: float) -> None:
        super().__init__(context, random_fraction)
        self._results = Results(context)
        self._last: dict[TrialId, int] = {}  # by trial: its newest row
        self._candidates = Candidates(context.space)
        self._features = Features(context.space, names=range(3, 17), inactive=-1.0, height=1.0)
        self._next_fit = MIN_RESULTS
        self._fitted: tuple[list[GradientBoostingRegressor], np.ndarray] | None = None

    def observe(self, trial: TrialId, resource: int, loss: float) -> None:
        """Take in one result; fit anew when it is time."""
        self._last[trial] = self._results.n
        self._results.add(trial, resource, loss)
        if self._results.n >= self._next_fit:
            self._next_fit += max(5, self._results.n // 10)
            self._fit()

    def _fit(self) -> None:
        rows = np.array(sorted(self._last.values()))
        x, y = self._features.of(self._results.points[rows]), ranks(self._results.losses[rows])
        kept_apart = np.arange(len(rows)) % 5 == 4
        models = [
            GradientBoostingRegressor(
                loss="quantile", alpha=q, n_estimators=30, max_depth=3, min_samples_leaf=2, random_state=0
            ).fit(x[~kept_apart], y[~kept_apart])
            for q in QUANTILES
        ]
        errors = [y[kept_apart] - model.predict(x[kept_apart]) for model in models]
        offsets = np.array([np.quantile(error, q) for error, q in zip(errors, QUANTILES, strict=True)])
        self._fitted = models, offsets

    def _ranking(self, trial: TrialId) -> Ranking | None:
        if self._fitted is None:
            return None
        models, offsets = self._fitted
        generator = generator_for(self.seed, "quantiles", trial)
        points = self._candidates.draw(CANDIDATES, generator)
        x = self._features.of(points)
        predicted = np.array([model.predict(x) for model in models]) + offsets[:, None]
        drawn = predicted[generator.integers(len(models), size=len(points)), np.arange(len(points))]
        return Ranking(
            points[np.argsort(drawn, kind="stable")], "its config is the best by a random quantile"
        )
