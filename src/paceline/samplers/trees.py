"""Trees' sampler: Thompson sampling with extra-trees over all rungs at once.

For each proposal a few extremely randomized trees (Geurts et al. 2006) are grown anew, each on a bootstrap of all
results, from (config, index of the rung) to the rank of the loss. Their mean is one draw of what the loss may look like
(Thompson sampling); the proposal is its least at the highest rung among uniform random candidates. Results of low rungs
shape the trees where high ones are missing.

Candidates near the best config are left out on purpose: most results come from the bottom rung, whose order is only a
proxy, and what is greedy there loses at the top.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from paceline.errors import SettingError
from paceline.events import TrialId
from paceline.rng import generator_for
from paceline.samplers.base import Context, SamplerSettings
from paceline.samplers.model import ModelSampler, Ranking
from paceline.samplers.points import Candidates, Features
from paceline.samplers.results import Results, ranks
from paceline.settings import at_least, within

_MAX_ROWS = 1000
"""More results than this are thinned out, from the bottom rung up."""


class Trees(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """Extra-trees Thompson sampling; needs scikit-learn.

    Args:
        random_fraction: the share of proposals that are drawn at random, so that no region is given up for ever.
        min_results: with fewer, all are.
        n_trees: grown for each proposal; fewer explore more.
        candidates: configs among which each proposal is chosen.
    """

    random_fraction: float = 1 / 3
    min_results: int = 8
    n_trees: int = 3
    candidates: int = 500

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong, or scikit-learn is not installed.
        """
        within("random_fraction", self.random_fraction, 0, 1)
        at_least("min_results", self.min_results, 2)
        at_least("n_trees", self.n_trees, 1)
        at_least("candidates", self.candidates, 1)
        if find_spec("sklearn") is None:
            raise SettingError(
                "sampler",
                "Trees",
                expected="scikit-learn to be installed",
                hint="Run: pip install 'paceline[models]'.",
            )

    def build(self, context: Context) -> TreesSampler:
        """The sampler."""
        return TreesSampler(context, self)


class TreesSampler(ModelSampler):
    """See `Trees`."""

    def __init__(self, context: Context, settings: Trees) -> None:
        super().__init__(context, settings.random_fraction)
        self._results = Results(context)
        self._min_results = settings.min_results
        self._n_trees = settings.n_trees
        self._n_candidates = settings.candidates
        self._candidates = Candidates(context.space)
        # Two names differ by one split whatever their order; for very many, one split each is too little.
        self._features = Features(context.space, names=range(3, 17), inactive=-1.0, height=1.0)

    def observe(self, trial: TrialId, resource: int, loss: float) -> None:
        """Take in one result."""
        self._results.add(trial, resource, loss)

    def _ranking(self, trial: TrialId) -> Ranking | None:
        if self._results.n < self._min_results:
            return None
        random = generator_for(self.seed, "trees", trial)
        rungs = self._results.rungs
        rows = self._rows(rungs, random)
        indices = np.searchsorted(rungs, self._results.resources[rows])
        x = self._table(self._results.points[rows], indices)
        y = ranks(self._results.losses[rows])
        points = self._candidates.draw(self._n_candidates, random)
        top = np.full(len(points), len(rungs) - 1)
        expected = _grow_and_predict(x, y, self._table(points, top), self._n_trees, random)
        reason = f"its config is the best of {len(points)} for trees grown on {len(rows)} results"
        return Ranking(points[np.argsort(expected, kind="stable")], reason)

    def _table(self, points: NDArray[np.float64], indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """Features and rung, as scikit-learn's trees want them."""
        return np.column_stack([self._features.of(points), indices]).astype(np.float32)

    def _rows(self, rungs: list[int], random: np.random.Generator) -> NDArray[np.intp]:
        """All rows of the highest rungs, and as many of the next, at random, as there is room for."""
        chosen: list[NDArray[np.intp]] = []
        room = _MAX_ROWS
        for resource in reversed(rungs):
            rows = self._results.rows_at(resource)
            if len(rows) > room:
                rows = np.sort(random.choice(rows, room, replace=False))
            chosen.append(rows)
            room -= len(rows)
        return np.concatenate(chosen)


def _grow_and_predict(
    x: NDArray[np.float32],
    y: NDArray[np.float64],
    candidates: NDArray[np.float32],
    n_trees: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """The mean prediction of `n_trees` trees, each grown on a bootstrap, for each candidate."""
    import sklearn  # noqa: PLC0415 - an extra
    from sklearn.tree import ExtraTreeRegressor  # noqa: PLC0415

    total = np.zeros(len(candidates))
    with sklearn.config_context(skip_parameter_validation=True):  # checking takes longer than growing
        for _ in range(n_trees):
            sample = random.integers(len(y), size=len(y))
            tree = ExtraTreeRegressor(min_samples_leaf=2, random_state=int(random.integers(2**31)))
            tree.fit(x[sample], y[sample], check_input=False)
            total += tree.predict(candidates, check_input=False)
    return total / n_trees
