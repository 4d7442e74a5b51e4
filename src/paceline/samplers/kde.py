"""BOHB's sampler (Falkner et al. 2018, section 4, algorithm 2): configs like the good ones and unlike the bad ones.

    with probability `random_fraction`, or while no resource has enough results: a config from the prior
    otherwise, at the largest resource that has enough:
        the best `top_fraction` of the results are good, the others bad; a kernel density is fitted to each, l and g
        `candidates` are drawn from l with its bandwidths widened
        the one with the largest l(x) / g(x) is proposed

Under Hyperband this is BOHB, under ASHA its asynchronous form, under single-fidelity search a multivariate TPE
(Bergstra et al. 2011). Everything is in log space, for all candidates at once (`density.py`).

Readings, where the paper, its authors' code and later work differ:

`min_points_rule`  "hpbandster": at least N_min good and N_min bad results, 2 (d + 1) in all; "paper": N_min + 2 in all,
            and the worst N_min are bad even if they are good too. d counts hyperparameters with more than one value.
`lie`       running trials count as bad, so that proposals made at once differ (constant liar); neither has it.
`spread`, `max_good`   0.19 and 25, with the best 10 %, are the greedier reading `TPE`.
`prior_weight`, `truncate`   a uniform kernel on each side; kernels that integrate to 1 over [0, 1]; neither has them.

Mended from the authors' code: names that no good result has (they divided by zero), an inactive hyperparameter in the
first column (NaN), densities below 1e-32 (all tied), results below the largest resource with a model (forgotten),
constants (they raised N_min), the order in which names are listed (it mattered), exact repetitions of known configs in
a finite space that has others. Inactive hyperparameters are imputed one by one, once for each trial: with the value of
an earlier trial, or uniformly while there is none.
"""

from __future__ import annotations

import math
from bisect import bisect
from typing import Literal

import numpy as np

from paceline.density import Array, Density, Layout
from paceline.events import TrialId
from paceline.rng import generator_for
from paceline.samplers.base import Context, SamplerSettings
from paceline.samplers.encoded import Encoded
from paceline.samplers.model import ModelSampler, Ranking
from paceline.settings import at_least, one_of, true_or_false, within

MinPointsRule = Literal["hpbandster", "paper"]


class KDE(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """BOHB's sampler; see this file's head.

    Args:
        random_fraction: ρ, the share of proposals from the prior.
        top_fraction: q, the share of results that are good, 0.99 at most.
        max_good: good results at most; `None` is no limit.
        candidates: N_s, how many are drawn for each proposal.
        bandwidth_factor: b_w, on the bandwidths that the numbers of candidates are drawn with.
        min_bandwidth: no bandwidth is below it, in units of the hyperparameter's range.
        spread: the standard deviation in the rule for bandwidths; `None` is that of the results on each side.
        min_points: N_min; `None` is d + 1. Less is raised to that, unless there is a `spread`: that of fewer results
            than dimensions says nothing.
        min_points_rule: how many results a resource needs for a model.
        prior_weight: of a uniform kernel beside the others.
        truncate: kernels integrate to 1 over the unit interval.
        lie: running trials count as bad.
    """

    random_fraction: float = 1 / 3
    top_fraction: float = 0.15
    max_good: int | None = None
    candidates: int = 64
    bandwidth_factor: float = 3.0
    min_bandwidth: float = 1e-3
    spread: float | None = None
    min_points: int | None = None
    min_points_rule: MinPointsRule = "hpbandster"
    prior_weight: float = 0.0
    truncate: bool = False
    lie: bool = True

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        within("random_fraction", self.random_fraction, 0, 1)
        within("top_fraction", self.top_fraction, 0, 0.99)
        within("bandwidth_factor", self.bandwidth_factor, 0, 1000)
        within("min_bandwidth", self.min_bandwidth, 1e-6, 1)
        within("prior_weight", self.prior_weight, 0, 1e6)
        at_least("candidates", self.candidates, 1)
        if self.spread is not None:
            within("spread", self.spread, 1e-6, 1)
        if self.max_good is not None:
            at_least("max_good", self.max_good, 1)
        if self.min_points is not None:
            at_least("min_points", self.min_points, 1)
        one_of("min_points_rule", self.min_points_rule, ("hpbandster", "paper"))
        true_or_false("truncate", self.truncate)
        true_or_false("lie", self.lie)

    def build(self, context: Context) -> KDESampler:
        """The sampler."""
        return KDESampler(self, context)


class TPE(KDE, frozen=True, kw_only=True, tag=True):
    """`KDE` with the defaults of a greedier reading, for search at full resource, where results are what they seem.

    The best 10 % are good, 25 at most; bandwidths do not shrink to the spread of the good; candidates are drawn from l
    itself. That is near to Optuna's multivariate TPE, whose bandwidths and prior kernel differ.
    """

    random_fraction: float = 0.1
    top_fraction: float = 0.1
    max_good: int | None = 25
    bandwidth_factor: float = 1.0
    spread: float | None = 0.19
    min_points: int | None = 4


class RankedRows:
    """The results at one resource, kept in the order of their losses. Equal losses keep the order of the trials.

    Args:
        width: of the rows.
    """

    def __init__(self, width: int) -> None:
        self._keys: list[tuple[float, TrialId]] = []
        self._rows = np.zeros((64, width))  # in the order of arrival: they may be wide, and are not moved
        self._order = np.zeros(64, dtype=np.intp)
        self.trials: set[TrialId] = set()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def rows(self) -> Array:
        """`(n, width)`, the best first."""
        return self._rows[self._order[: len(self)]]

    def add(self, trial: TrialId, loss: float, row: Array) -> None:
        """A trial's result enters, once."""
        if trial in self.trials:
            return
        n = len(self)
        if n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._order = np.concatenate([self._order, np.zeros_like(self._order)])
        place = bisect(self._keys, (loss, trial))
        self._keys.insert(place, (loss, trial))
        self._order[place + 1 : n + 1] = self._order[place:n]
        self._order[place] = n
        self._rows[n] = row
        self.trials.add(trial)


class KDESampler(ModelSampler):
    """See `KDE`."""

    def __init__(self, settings: KDE, context: Context) -> None:
        super().__init__(context, settings.random_fraction)
        self._settings = settings
        self._layout = Layout.of(context.space)
        self._encoded = Encoded(context)
        n_min = settings.min_points or 0
        if settings.min_points is None or settings.spread is None:
            n_min = max(n_min, self.space.dimension + 1)
        self._n_min = n_min
        self._results: dict[int, RankedRows] = {}
        self._resource: int | None = None  # the largest with enough results
        self._fitted: tuple[tuple[TrialId, ...], Density, Density] | None = (
            None  # and the running trials that count
        )

    # The fold --------------------------------------------------------------------------------------------------

    def observe(self, trial: TrialId, resource: int, loss: float) -> None:
        """Take in one result."""
        # Whatever the resource: inactive values of running trials are imputed from all that was seen.
        self._fitted = None
        results = self._results.setdefault(resource, RankedRows(self._layout.width))
        results.add(trial, loss, self._layout.rows(self._encoded.observed(trial)[None])[0])
        if resource > (self._resource or 0) and self._is_enough(len(results)):
            self._resource = resource

    def _is_enough(self, n: int) -> bool:
        if self._settings.min_points_rule == "paper":
            return n >= self._n_min + 2
        return n - self._n_good(n) >= self._n_min

    def _n_good(self, n: int) -> int:
        share = math.floor(self._settings.top_fraction * n)
        most = self._settings.max_good
        return max(self._n_min, share if most is None else min(share, most))

    # The question ----------------------------------------------------------------------------------------------

    def _ranking(self, trial: TrialId) -> Ranking | None:
        if self._resource is None:
            return None
        good, bad = self._densities(self._resource)
        generator = generator_for(self.seed, "kde", trial)
        rows = good.draw(self._settings.candidates, generator, factor=self._settings.bandwidth_factor)
        best_first = np.argsort(bad.log(rows) - good.log(rows), kind="stable")
        return Ranking(
            self._layout.points(rows[best_first]),
            f"its config is like the best {len(good)} and unlike the other {len(bad)} at {self._resource}",
        )

    def _densities(self, resource: int) -> tuple[Density, Density]:
        results = self._results[resource]
        running = [job.job.trial for job in self.ledger.running.values()] if self._settings.lie else []
        pending = tuple(trial for trial in running if trial not in results.trials)
        if self._fitted is None or self._fitted[0] != pending:
            rows, n_good = results.rows, self._n_good(len(results))
            is_paper = self._settings.min_points_rule == "paper"
            n_bad = max(self._n_min, len(rows) - n_good) if is_paper else len(rows) - n_good
            bad = rows[len(rows) - n_bad :]
            if pending:
                bad = np.concatenate(
                    [bad, self._layout.rows(np.array([self._encoded.pending(t) for t in pending]))]
                )
            self._fitted = pending, self._density(rows[:n_good]), self._density(bad)
        return self._fitted[1], self._fitted[2]

    def _density(self, rows: Array) -> Density:
        return Density(
            rows,
            self._layout,
            min_bandwidth=self._settings.min_bandwidth,
            spread=self._settings.spread,
            prior_weight=self._settings.prior_weight,
            truncate=self._settings.truncate,
        )
