"""The bandit by which PB2 explores: a Gaussian process that forgets (Parker-Holder et al. 2020).

    data      a row for each interval of training: when it began, the loss before, the numbers of the config, and the gain:
              by how much the loss fell for each unit of resource
    kernel    s² · exp(-½ (Δloss/ℓ₀)² - ½ |Δnumbers|²/ℓ²) · (1 - ε)^(|Δt| / 2), with t counted in intervals
    choice    the candidate where μ + √β σ is greatest, for an interval that begins when and where the fork does

μ is what the rows say. σ is that of a process which knows the configs of running members too, whatever will come of them:
so two forks that are chosen one after the other differ. Gains, and losses before, are standardized and clipped at ±2.
s², ℓ₀, ℓ, ε and the noise are those of the greatest posterior density under log-normal priors, fitted to the first n rows, of
which the newest count; n grows by at least 5 or a tenth: whoever knows the facts finds the same ones, whenever he asks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.density import Array
from paceline.events import Config
from paceline.samplers.fitting import greatest, one_thread
from paceline.samplers.points import Candidates
from paceline.space import Float, Integer, Space

_MAX_ROWS_TO_FIT = 100
"""The newest are enough for length scales."""

_ANYWHERE, _NEAR = 300, 100
"""Candidates: uniform ones, and twice so many around the best so far."""

_JITTER = 1e-6
"""Far above rounding and far below what makes a difference: equal rows are no trouble."""

_SMALL = 64
"""Triangles of this size are inverted as they are."""

# The priors, of logarithms: the means, and the standard deviations. Values are standardized, numbers in [0, 1].
_VARIANCE, _FORGETTING, _LENGTH_OF_LOSS, _LENGTH, _NOISE = map(math.log, (1.0, 0.02, 2.0, 0.4, 0.1))
_WIDTH = 1.0
_LEAST_FORGETTING, _MOST_FORGETTING = (-0.5 * math.log1p(-epsilon) for epsilon in (1e-5, 0.5))


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Where an interval begins, and with which numbers.

    Args:
        resource: where.
        loss: there.
        numbers: of the config that it is trained with, each in [0, 1]; 0.5 for one that is inactive.
    """

    resource: int
    loss: float
    numbers: tuple[float, ...]


class Row(msgspec.Struct, frozen=True, gc=False):
    """What an interval has brought.

    Args:
        start: its beginning.
        gain: by how much the loss fell, for each unit of resource.
    """

    start: Moment
    gain: float


class Bandit:
    """Chooses the numbers of a fork's config.

    Args:
        space: the search space.
        interval: the unit of time, in resource.
        max_rows: the newest rows, this many, are looked at.
        beta: of the acquisition; `None` grows with the number of rows, 0.2 + max(0, log(0.4 n)).
    """

    def __init__(self, space: Space, interval: int, max_rows: int, beta: float | None) -> None:
        self.space = space
        self._interval = interval
        self.max_rows = max_rows
        self._beta = beta
        self._candidates = Candidates(space)
        self._columns = [
            column
            for column, name in enumerate(space.coordinates)
            if isinstance(space.domains[name], Float | Integer)
        ]
        self._others = [column for column in range(space.dimension) if column not in self._columns]
        self._fitted: tuple[int, Kernel] | None = None

    @property
    def least_rows(self) -> int | None:
        """What the model needs, two rows more than there are numbers; `None` where there are no numbers to choose."""
        return len(self._columns) + 2 if self._columns else None

    def moment(self, resource: int, loss: float, config: Config) -> Moment:
        """The beginning of an interval with a config."""
        return Moment(resource, loss, tuple(self._numbers(self.space.encode(config)[None, :])[0].tolist()))

    def ranked(
        self,
        rows: Sequence[Row],
        running: Sequence[Moment],
        start: Moment,
        near: Config,
        random: np.random.Generator,
    ) -> Array:
        """Candidates for a fork, the best first.

        Args:
            rows: all of them, oldest first; at least `least_rows`.
            running: the intervals under way.
            start: where the fork begins; its numbers do not matter.
            near: a config whose values, numbers aside, all candidates have.
            random: draws the candidates.

        Returns:
            An `(n, dimension)` array of points, NaN where inactive.
        """
        with one_thread():
            model = self._model(rows, running, start)
            beta = 0.2 + max(0.0, math.log(0.4 * len(model.y))) if self._beta is None else self._beta
            fixed = self.space.encode(near)
            points = self._settled(random.random((_ANYWHERE, len(fixed))), fixed)
            values = model.upper(self._numbers(points), beta)
            for _ in range(2):
                best = points[np.argmax(values)]
                around = self._settled(self._candidates.near(best, _NEAR, random), fixed)
                points = np.concatenate([points, around])
                values = np.concatenate([values, model.upper(self._numbers(around), beta)])
        return points[np.argsort(-values, kind="stable")]

    def _settled(self, points: Array, fixed: Array) -> Array:
        """The points with the values that are not to be chosen; those that become active keep what was drawn."""
        points[:, self._others] = np.where(np.isnan(fixed), points, fixed)[:, self._others]
        return self._candidates.settle(np.where(np.isnan(points), 0.5, points))

    def _numbers(self, points: Array) -> Array:
        numbers = points[:, self._columns]
        return np.where(np.isnan(numbers), 0.5, numbers)

    def _model(self, rows: Sequence[Row], running: Sequence[Moment], start: Moment) -> Model:
        kernel = self._kernel(rows)
        rows = rows[-self.max_rows :]
        losses = np.array([row.start.loss for row in rows])
        now = np.array(
            [start.resource / self._interval, float(_standardized(np.array([start.loss]), losses)[0])]
        )
        x, y = self._data(rows)
        return Model(kernel, x, y, self._inputs(running, losses), now)

    def _kernel(self, rows: Sequence[Row]) -> Kernel:
        """The kernel fitted to the first rows, as many as the last round number says."""
        n = len(self._columns) + 2
        while n + max(5, n // 10) <= len(rows):
            n += max(5, n // 10)
        if self._fitted is None or self._fitted[0] != n:
            self._fitted = n, fit(*self._data(rows[max(0, n - min(_MAX_ROWS_TO_FIT, self.max_rows)) : n]))
        return self._fitted[1]

    def _data(self, rows: Sequence[Row]) -> tuple[Array, Array]:
        losses, gains = np.array([row.start.loss for row in rows]), np.array([row.gain for row in rows])
        return self._inputs([row.start for row in rows], losses), _standardized(gains, gains)

    def _inputs(self, moments: Sequence[Moment], losses: Array) -> Array:
        """An `(n, 2 + numbers)` array: times in intervals, losses on the scale of `losses`, numbers."""
        times = [moment.resource / self._interval for moment in moments]
        scaled = _standardized(np.array([moment.loss for moment in moments]), losses)
        numbers = np.array([moment.numbers for moment in moments]).reshape(len(moments), len(self._columns))
        return np.column_stack([times, scaled, numbers])


class Kernel(msgspec.Struct, frozen=True):
    """See this file's head.

    Args:
        variance: s².
        forgetting: -½ log(1 - ε), for each interval.
        length_of_loss: ℓ₀.
        length: ℓ, of all numbers.
        noise: its variance.
    """

    variance: float
    forgetting: float
    length_of_loss: float
    length: float
    noise: float

    def between(self, a: Array, b: Array) -> Array:
        """The covariances of the function at `(n, 2 + numbers)` and `(m, 2 + numbers)` inputs: an `(n, m)` array."""
        inverse = np.full(a.shape[1] - 1, 1.0 / self.length)
        inverse[0] = 1.0 / self.length_of_loss
        exponent = squares(a[:, 1:] * inverse, b[:, 1:] * inverse)
        exponent *= -0.5
        exponent -= self.forgetting * np.abs(a[:, 0][:, None] - b[:, 0])
        return np.asarray(self.variance * np.exp(exponent, out=exponent))


class Model:
    """The process at one time and place, as a function of the numbers (Rasmussen and Williams 2006, alg. 2.1).

    Args:
        kernel: its covariance.
        x: `(n, 2 + numbers)` inputs of the rows.
        y: `(n,)` gains.
        pending: `(m, 2 + numbers)` inputs of which no gain is known yet.
        now: time and loss, as in the inputs.
    """

    def __init__(self, kernel: Kernel, x: Array, y: Array, pending: Array, now: Array) -> None:
        self.y = y
        self._kernel = kernel
        self._now = now
        # The rows come first: the upper left of the factor is the factor of the process that knows nothing else.
        self._x = np.concatenate([x, pending])
        covariance = kernel.between(self._x, self._x)
        covariance.flat[:: len(self._x) + 1] += kernel.noise + _JITTER * kernel.variance
        self._whitening = inverse_of_triangle(np.linalg.cholesky(covariance))
        self._whitened = self._whitening[: len(y), : len(y)] @ y

    def predict(self, numbers: Array) -> tuple[Array, Array]:
        """The means, and the standard deviations without noise, at `(c, numbers)` numbers."""
        inputs = np.column_stack([np.broadcast_to(self._now, (len(numbers), 2)), numbers])
        gain = self._whitening @ self._kernel.between(self._x, inputs)
        mean = self._whitened @ gain[: len(self.y)]
        variance = self._kernel.variance - (gain * gain).sum(0)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def upper(self, numbers: Array, beta: float) -> Array:
        """μ + √β σ."""
        mean, deviation = self.predict(numbers)
        return np.asarray(mean + math.sqrt(beta) * deviation)


def fit(x: Array, y: Array) -> Kernel:
    """The kernel of the greatest posterior density.

    Args:
        x: `(n, 2 + numbers)` inputs.
        y: `(n,)` gains.
    """
    # The more numbers, the farther apart everything is.
    length = _LENGTH + 0.5 * math.log(max(1, x.shape[1] - 2))
    centre = np.array([_VARIANCE, _FORGETTING, _LENGTH_OF_LOSS, length, _NOISE])
    gaps = np.abs(x[:, :1] - x[:, 0])
    apart = np.array([squares(x[:, 1:2], x[:, 1:2]), squares(x[:, 2:], x[:, 2:])])
    at = greatest(lambda at: log_likelihood(gaps, apart, y, at), centre, np.full(len(centre), _WIDTH))
    variance, forgetting, length_of_loss, length, noise = map(math.exp, at)
    forgetting = min(max(forgetting, _LEAST_FORGETTING), _MOST_FORGETTING)
    return Kernel(variance, forgetting, length_of_loss, length, noise)


def log_likelihood(gaps: Array, apart: Array, y: Array, at: Array) -> tuple[float, Array]:
    """The log marginal likelihood, a constant aside, and its gradient (Rasmussen and Williams 2006, eq. 5.8 and 5.9).

    Args:
        gaps: `(n, n)` distances in time.
        apart: `(2, n, n)` squared distances: of losses, and of numbers.
        y: `(n,)` targets.
        at: the logarithms of the variance, the forgetting, ℓ₀, ℓ and the noise.
    """
    variance, forgetting, noise = math.exp(at[0]), math.exp(at[1]), math.exp(at[-1])
    inverse_squares = np.exp(-2.0 * at[2:-1])
    covariance = variance * np.exp(-0.5 * np.tensordot(inverse_squares, apart, 1) - forgetting * gaps)
    noisy = covariance.copy()
    noisy.flat[:: len(y) + 1] += noise + _JITTER * variance
    whitening = inverse_of_triangle(np.linalg.cholesky(noisy))
    inverse = whitening.T @ whitening
    weights = inverse @ y
    value = -0.5 * float(y @ weights) + float(np.log(whitening.diagonal()).sum())
    pull = np.outer(weights, weights) - inverse
    by_covariance = pull * covariance
    slope = np.empty(len(at))
    slope[0] = 0.5 * (float(by_covariance.sum()) + _JITTER * variance * float(pull.trace()))
    slope[1] = -0.5 * forgetting * float((by_covariance * gaps).sum())
    slope[2:-1] = 0.5 * inverse_squares * np.tensordot(apart, by_covariance, 2)
    slope[-1] = 0.5 * noise * float(pull.trace())
    return value, slope


def squares(a: Array, b: Array) -> Array:
    """The squared distances between the rows of two arrays."""
    found = a @ b.T
    found *= -2.0
    found += (a * a).sum(1)[:, None]
    found += (b * b).sum(1)
    return np.asarray(np.maximum(found, 0.0, out=found))


def inverse_of_triangle(lower: NDArray[np.floating[Any]]) -> Array:
    """The inverse of a lower triangular matrix, by halves: NumPy's inverts the whole square, in thrice the time."""
    n = len(lower)
    if n <= _SMALL:
        return np.asarray(np.tril(np.linalg.inv(lower)))
    half = n // 2
    first, second = inverse_of_triangle(lower[:half, :half]), inverse_of_triangle(lower[half:, half:])
    inverse = np.zeros((n, n))
    inverse[:half, :half], inverse[half:, half:] = first, second
    inverse[half:, :half] = -second @ (lower[half:, :half] @ first)
    return inverse


def _standardized(values: Array, known: Array) -> Array:
    """On the scale on which `known` has mean 0 and standard deviation 1, clipped at ±2; zeros where those are all equal."""
    unit = max(np.abs(values).max(initial=0.0), np.abs(known).max(initial=0.0))
    if not unit:
        return np.zeros(len(values))
    values, known = values / unit, known / unit  # squares of the largest floats would overflow
    deviation = float(known.std())
    if deviation < 1e-12:
        return np.zeros(len(values))
    return np.asarray(np.clip((values - known.mean()) / deviation, -2.0, 2.0))
