"""The Gaussian process' sampler: Thompson sampling on the highest rung that has enough results.

A Gaussian process (Rasmussen and Williams 2006) with a Matérn-5/2 kernel and a length scale for each hyperparameter is
fitted to the normal scores of the losses; one function is drawn from it, jointly at all candidates, and the proposal is
its least. Half of the candidates are uniform, half lie around the best config of that rung.

Length scales and noise are those of the greatest posterior density under log-normal priors. They are fitted to the
first n results at the rung, always from the same start, where n grows by at least 5 or a tenth: whoever knows the facts
finds the same ones, whenever he asks.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from paceline.events import TrialId
from paceline.rng import generator_for
from paceline.samplers.base import Context, SamplerSettings
from paceline.samplers.fitting import greatest, one_thread
from paceline.samplers.model import ModelSampler, Ranking
from paceline.samplers.points import Candidates, Features
from paceline.samplers.results import Results, ranks
from paceline.settings import at_least, within

_Array = NDArray[np.float64]

_MAX_ROWS = 300
"""More results than this are thinned out: the best half of them stays, and the newest."""

_MAX_ROWS_TO_FIT = 150
"""Likewise, to fit length scales and noise."""

_JITTER = 1e-6
"""Far above rounding and far below what makes a difference: equal candidates are no trouble."""

_LOG_NOISE, _LOG_NOISE_SD = math.log(0.05), 1.0
_LOG_LENGTH_SD = 1.0


class GaussianProcess(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """Gaussian-process Thompson sampling.

    Args:
        random_fraction: the share of proposals that are drawn at random, so that no region is given up for ever.
        min_results: what a rung needs to be modelled; while none has them, all proposals are random.
        random_candidates: uniform configs among which each proposal is chosen.
        local_candidates: configs around the best one, likewise.
    """

    random_fraction: float = 1 / 3
    min_results: int = 8
    random_candidates: int = 200
    local_candidates: int = 200

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        within("random_fraction", self.random_fraction, 0, 1)
        at_least("min_results", self.min_results, 2)
        at_least("random_candidates", self.random_candidates, 1)
        at_least("local_candidates", self.local_candidates, 0)

    def build(self, context: Context) -> GaussianProcessSampler:
        """The sampler."""
        return GaussianProcessSampler(context, self)


class GaussianProcessSampler(ModelSampler):
    """See `GaussianProcess`."""

    def __init__(self, context: Context, settings: GaussianProcess) -> None:
        super().__init__(context, settings.random_fraction)
        self._results = Results(context)
        self._min_results = settings.min_results
        self._n_random = settings.random_candidates
        self._n_local = settings.local_candidates
        self._candidates = Candidates(context.space)
        # Two different names are at distance 1, as the ends of a range are.
        self._features = Features(context.space, names=range(2, 257), inactive=0.5, height=math.sqrt(0.5))
        self._fitted: tuple[tuple[int, int], _Kernel] | None = None

    def observe(self, trial: TrialId, resource: int, loss: float) -> None:
        """Take in one result."""
        self._results.add(trial, resource, loss)

    def _ranking(self, trial: TrialId) -> Ranking | None:
        resource = self._results.highest(self._min_results)
        if resource is None:
            return None
        rows = self._results.rows_at(resource)
        losses = self._results.losses[rows]
        random = generator_for(self.seed, "gaussian-process", trial)
        points = self._candidates.draw(self._n_random, random)
        if not self._candidates.are_all:
            best = self._results.points[rows[np.argmin(losses)]]
            points = np.concatenate([points, self._candidates.near(best, self._n_local, random)])
        kept = _thinned(losses, _MAX_ROWS)
        x = self._features.of(self._results.points[rows[kept]])
        y = _normal_scores(losses, kept)
        with one_thread():
            drawn = self._kernel(resource, rows).draw(x, y, self._features.of(points), random)
        reason = f"its config is the best of {len(points)} for a draw from a Gaussian process of {len(y)} results at {resource}"
        return Ranking(points[np.argsort(drawn, kind="stable")], reason)

    def _kernel(self, resource: int, rows: NDArray[np.intp]) -> _Kernel:
        """The kernel fitted to the first results at a rung, as many as the last round number says."""
        n = self._min_results
        while n + max(5, n // 10) <= len(rows):
            n += max(5, n // 10)
        if self._fitted is None or self._fitted[0] != (resource, n):
            losses = self._results.losses[rows[:n]]
            kept = _thinned(losses, _MAX_ROWS_TO_FIT)
            x = self._features.of(self._results.points[rows[kept]])
            self._fitted = (resource, n), _fit(x, _normal_scores(losses, kept), self._features.owners)
        return self._fitted[1]


class _Kernel:
    """Matérn-5/2 of variance 1 with noise.

    Args:
        inverse_lengths: 1/ℓ for each feature.
        noise: its variance.
    """

    def __init__(self, inverse_lengths: _Array, noise: float) -> None:
        self._inverse_lengths = inverse_lengths
        self._noise = noise

    def between(self, a: _Array, b: _Array) -> _Array:
        """The covariances of the function at `(n, f)` and `(m, f)` features: an `(n, m)` array."""
        a, b = a * self._inverse_lengths, b * self._inverse_lengths
        # Written into one array where possible: at 400 candidates, new memory costs more than the arithmetic.
        scaled = a @ b.T
        scaled *= -10.0
        scaled += 5.0 * (a * a).sum(1)[:, None]
        scaled += 5.0 * (b * b).sum(1)
        np.sqrt(np.maximum(scaled, 0.0, out=scaled), out=scaled)
        return _matern(scaled, np.exp(-scaled))

    def draw(self, x: _Array, y: _Array, candidates: _Array, random: np.random.Generator) -> _Array:
        """One draw of the function at the candidates, given that it was `y` at `x` (Rasmussen and Williams, alg. 2.1)."""
        covariance = self.between(x, x)
        covariance.flat[:: len(y) + 1] += self._noise
        root = np.linalg.cholesky(covariance)
        solved = np.linalg.solve(root, np.column_stack([y, self.between(x, candidates)]))
        weights, gain = solved[:, 0], solved[:, 1:]
        posterior = self.between(candidates, candidates)
        posterior -= gain.T @ gain
        posterior.flat[:: len(candidates) + 1] += _JITTER
        noise = random.standard_normal(len(candidates))
        return np.asarray(gain.T @ weights + np.linalg.cholesky(posterior) @ noise)


def _matern(scaled: _Array, decay: _Array) -> _Array:
    """Matérn-5/2 at √5 r, given exp(-√5 r): 1 + √5 r + 5/3 r² times that (Rasmussen and Williams, eq. 4.17)."""
    polynomial = scaled * (1.0 / 3.0)
    polynomial += 1.0
    polynomial *= scaled
    polynomial += 1.0
    polynomial *= decay
    return polynomial


def _fit(x: _Array, y: _Array, owners: NDArray[np.intp]) -> _Kernel:
    """The kernel of the greatest posterior density.

    Args:
        x: `(n, f)` features.
        y: `(n,)` normal scores.
        owners: the coordinate of each feature; its features have one length scale.
    """
    squares = np.array([_squares(x[:, owners == owner]) for owner in range(int(owners.max(initial=-1)) + 1)])
    # The more coordinates, the farther apart everything is.
    centre = np.full(len(squares) + 1, math.log(0.4) + 0.5 * math.log(max(1, len(squares))))
    centre[-1] = _LOG_NOISE
    widths = np.full(len(centre), _LOG_LENGTH_SD)
    widths[-1] = _LOG_NOISE_SD
    squares = squares.reshape(len(squares), len(y), len(y))
    at = greatest(lambda at: _log_likelihood(squares, y, at), centre, widths)
    return _Kernel(np.exp(-at[:-1])[owners], math.exp(at[-1]))


def _log_likelihood(squares: _Array, y: _Array, at: _Array) -> tuple[float, _Array]:
    """The log marginal likelihood, a constant aside, and its gradient (Rasmussen and Williams, eq. 5.8 and 5.9).

    Args:
        squares: `(d, n, n)` squared distances by coordinate.
        y: `(n,)` targets.
        at: the logarithms of `d` length scales, and of the noise's variance.
    """
    inverse_squares, noise = np.exp(-2.0 * at[:-1]), math.exp(at[-1])
    scaled = np.sqrt(5.0 * np.tensordot(inverse_squares, squares, 1))
    decay = np.exp(-scaled)
    covariance = _matern(scaled, decay)
    covariance.flat[:: len(y) + 1] += noise
    root = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    weights = inverse @ y
    value = -0.5 * float(y @ weights) - float(np.log(root.diagonal()).sum())
    pull = np.outer(weights, weights) - inverse
    by_square = pull * (5.0 / 3.0 * (1.0 + scaled) * decay)
    slope = np.empty(len(at))
    slope[:-1] = 0.5 * inverse_squares * np.tensordot(squares, by_square, 2)
    slope[-1] = 0.5 * noise * float(pull.trace())
    return value, slope


def _squares(x: _Array) -> _Array:
    """The squared distances between the rows of `(n, f)` features."""
    norms = (x * x).sum(1)
    return np.asarray(np.maximum(norms[:, None] + norms - 2.0 * (x @ x.T), 0.0))


def _thinned(losses: _Array, room: int) -> NDArray[np.intp]:
    """The rows to keep, ascending: all if there is room, else the best half of the room and the newest of the rest."""
    if len(losses) <= room:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    best, rest = order[: room // 2], np.sort(order[room // 2 :])
    return np.sort(np.concatenate([best, rest[len(rest) - (room - room // 2) :]]))


def _normal_scores(losses: _Array, kept: NDArray[np.intp]) -> _Array:
    """Where the kept of all losses would lie if they were normal: the quantile at (place + 1/2) / n, mean 0."""
    n = len(losses)
    places = ranks(losses)[kept] * max(1, n - 1)
    lower = np.floor(places)
    inverse = NormalDist().inv_cdf
    below, above = (
        np.array([inverse((place + 0.5) / n) for place in np.clip(ends, 0, n - 1).tolist()])
        for ends in (
            lower,
            lower + 1,
        )  # equal losses share the mean of their places, which may lie between two
    )
    return np.asarray(below + (above - below) * (places - lower))
