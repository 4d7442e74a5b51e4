"""Kernel densities over mixed spaces, in log space, for all candidates at once.

A density is the mean of a product kernel for each of n observations (Falkner et al. 2018, section 4.1):

    numbers   Gaussian, exp(-(x - x_i)² / 2h²) / (h √2π); integrating to 1 over [0, 1] on request
    names     Aitchison and Aitken 1976: 1 - h where x = x_i, h / (c - 1) elsewhere; c is the true number of choices

The logarithm of a product is a sum, and both kinds of term are inner products: of coordinates divided by the squared
bandwidth, and of one-hot vectors. So the logarithms of all kernels of m candidates against n observations are one
(m, f) by (f, n) matrix product, and the density is a log-sum-exp of its rows.

Bandwidths follow the normal reference rule, h = 1.06 σ n^(-1/(4+d)), as in statsmodels, which the paper's code uses.
For names σ is √((1 - Σp²) / 2), p being their shares: for two names the standard deviation of their indices, and for
more of them, unlike that, the same in whatever order they are listed. It is bounded below, and for names by (c - 1)/c,
beyond which the kernel would turn around.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paceline.space import Categorical, Space

Array = NDArray[np.float64]

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)

_ONE_THREAD = 2**18
"""Multiplications; from more, OpenBLAS starts threads (SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD)."""


class Layout:
    """How a point of the unit cube is written for densities: its numbers first, then a one-hot block for each name.

    Args:
        n_choices: for each coordinate the number of names, or 0 for a number.
    """

    def __init__(self, n_choices: Sequence[int]) -> None:
        counts = np.array(n_choices, dtype=np.intp)
        self.dimension = len(counts)
        self.numbers = np.flatnonzero(counts == 0)
        self.names = np.flatnonzero(counts)
        self.counts = counts[self.names]
        ends = len(self.numbers) + np.cumsum(self.counts)
        self.blocks = [
            slice(int(end - count), int(end)) for end, count in zip(ends, self.counts, strict=True)
        ]
        self.width = len(self.numbers) + int(self.counts.sum())

    @classmethod
    def of(cls, space: Space) -> Layout:
        """Of a space's coordinates. Ordinals are numbers: their neighbours are alike."""
        domains = (space.domains[name] for name in space.coordinates)
        return cls([domain.n_values or 0 if isinstance(domain, Categorical) else 0 for domain in domains])

    def rows(self, points: Array) -> Array:
        """`(n, d)` points without NaN as `(n, width)` rows."""
        rows = np.zeros((len(points), self.width))
        rows[:, : len(self.numbers)] = points[:, self.numbers]
        for column, count, block in zip(self.names, self.counts, self.blocks, strict=True):
            index = np.minimum((points[:, column] * count).astype(np.intp), count - 1)
            rows[np.arange(len(points)), block.start + index] = 1.0
        return rows

    def points(self, rows: Array) -> Array:
        """The same back: `(n, width)` rows as `(n, d)` points, with names at the centres of their cells."""
        points = np.empty((len(rows), self.dimension))
        points[:, self.numbers] = rows[:, : len(self.numbers)]
        for column, count, block in zip(self.names, self.counts, self.blocks, strict=True):
            points[:, column] = (rows[:, block].argmax(axis=1) + 0.5) / count
        return points


class Density:
    """A kernel density estimate.

    Args:
        rows: `(n, width)`, as `layout.rows` makes them, n ≥ 1.
        layout: of the rows.
        min_bandwidth: no bandwidth is below it.
        spread: σ in the rule for bandwidths; `None` is what the rows have.
        prior_weight: of one uniform kernel beside the n.
        truncate: whether kernels integrate to 1 over [0, 1]; otherwise over all numbers.
    """

    def __init__(
        self,
        rows: Array,
        layout: Layout,
        *,
        min_bandwidth: float = 1e-3,
        spread: float | None = None,
        prior_weight: float = 0.0,
        truncate: bool = False,
    ) -> None:
        self._rows = rows
        self._layout = layout
        self._prior_weight = prior_weight
        k = len(layout.numbers)
        self.number_bandwidths, self.name_bandwidths = _bandwidths(rows, layout, min_bandwidth, spread)
        # A kernel's logarithm is weights · (row * candidate) + a term of each alone.
        precision = self.number_bandwidths**-2
        same, other = np.log1p(-self.name_bandwidths), np.log(self.name_bandwidths / (layout.counts - 1))
        self._precision = precision
        self._weights = np.concatenate([precision, np.repeat(same - other, layout.counts)])
        self._offsets = (rows[:, :k] ** 2) @ (-0.5 * precision)
        self._offsets += other.sum() - np.log(self.number_bandwidths).sum() - k * _LOG_SQRT_2PI
        if truncate:
            self._offsets -= _log_mass(rows[:, :k], self.number_bandwidths).sum(axis=1)

    def __len__(self) -> int:
        return len(self._rows)

    def log(self, rows: Array) -> Array:
        """The logarithm of the density at `(m, width)` rows, as `(m,)`."""
        k = len(self._layout.numbers)
        logs = _products(rows * self._weights, self._rows)
        logs += self._offsets
        top = logs.max(axis=1)
        # Terms of the candidate alone can wait until the sum is taken.
        own = (rows[:, :k] ** 2) @ (-0.5 * self._precision)
        logs -= top[:, None]
        summed = np.exp(logs, out=logs).sum(axis=1)
        result: Array = top + own + np.log(summed)
        n = len(self._rows)
        if self._prior_weight:
            log_prior = math.log(self._prior_weight) - float(np.log(self._layout.counts).sum())
            result = np.logaddexp(result, log_prior)
        return result - math.log(n + self._prior_weight)

    def draw(self, m: int, generator: np.random.Generator, *, factor: float) -> Array:
        """`(m, width)` rows: a random observation each, moved by its kernel.

        Args:
            m: how many.
            generator: of randomness.
            factor: on the bandwidths of numbers (b_w in the paper), to explore; names keep theirs.
        """
        layout, k = self._layout, len(self._layout.numbers)
        drawn = self._rows[generator.integers(len(self._rows), size=m)]
        drawn[:, :k] = _truncated_normal(drawn[:, :k], factor * self.number_bandwidths, generator)
        for count, block, bandwidth in zip(layout.counts, layout.blocks, self.name_bandwidths, strict=True):
            moved = np.flatnonzero(generator.random(m) < bandwidth)
            names = generator.integers(count, size=m)
            drawn[moved, block] = 0.0
            drawn[moved, block.start + names[moved]] = 1.0
        return drawn


def _products(a: Array, b: Array) -> Array:
    """The matrix a @ b.T, in pieces that OpenBLAS leaves to one thread.

    More threads are no faster at this size, and fifty times slower on cores that train.
    """
    result = np.empty((len(a), len(b)))
    step = max(1, _ONE_THREAD // max(1, a.size))
    for start in range(0, len(b), step):
        np.matmul(a, b[start : start + step].T, out=result[:, start : start + step])
    return result


def _bandwidths(rows: Array, layout: Layout, least: float, spread: float | None) -> tuple[Array, Array]:
    """Of numbers and of names: h = 1.06 σ n^(-1/(4+d)), within bounds."""
    k = len(layout.numbers)
    most = (layout.counts - 1) / layout.counts
    if spread is None:
        means = np.add.reduce(rows, axis=0) / len(rows)
        deviations = rows[:, :k] - means[:k]
        of_numbers = np.sqrt(np.add.reduce(deviations * deviations, axis=0) / len(rows))
        shares = means[k:] ** 2
        of_names = np.array([1.0 - shares[block.start - k : block.stop - k].sum() for block in layout.blocks])
        of_names = np.sqrt(0.5 * np.maximum(of_names, 0.0))
    else:
        of_numbers, of_names = np.full(k, spread), np.full(len(most), spread)
    scale = 1.06 * len(rows) ** (-1.0 / (4 + layout.dimension))
    return np.maximum(scale * of_numbers, least), np.minimum(np.maximum(scale * of_names, least), most)


def _log_mass(centres: Array, bandwidths: Array) -> Array:
    """The logarithm of what lies within [0, 1] of each Gaussian, for `(n, k)` centres and `(k,)` bandwidths."""
    scale = 1.0 / (bandwidths * math.sqrt(2))
    return np.log(0.5 * (_erf((1.0 - centres) * scale) + _erf(centres * scale)))


def _erf(x: Array) -> Array:
    """The error function to 1.5e-7, for x ≥ 0: Abramowitz and Stegun 1964, 7.1.26. NumPy has none."""
    t = 1.0 / (1.0 + 0.3275911 * x)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    result: Array = 1.0 - tail * np.exp(-(x**2))
    return result


def _truncated_normal(centres: Array, sd: Array, generator: np.random.Generator) -> Array:
    """Normal numbers around `(m, k)` centres in [0, 1], kept in [0, 1] by drawing again.

    Of wide kernels little lies in [0, 1]: there uniform numbers are drawn, and kept in proportion to the density.
    """
    is_wide = sd > 1.0
    drawn = centres + sd * generator.standard_normal(centres.shape)
    values, means, sds = drawn.ravel(), centres.ravel(), np.broadcast_to(sd, centres.shape).ravel()
    outside = np.flatnonzero(((drawn < 0.0) | (drawn > 1.0)) & ~is_wide)
    while outside.size:  # a third stays at least
        again = means[outside] + sds[outside] * generator.standard_normal(centres.shape).ravel()[outside]
        values[outside] = again
        outside = outside[(again < 0.0) | (again > 1.0)]
    if not is_wide.any():
        return np.asarray(drawn)
    refused = np.broadcast_to(is_wide, centres.shape)
    while refused.any():  # three in five stay at least
        drawn[refused] = generator.random(centres.shape)[refused]
        kept = np.exp(-0.5 * ((drawn - centres) / sd) ** 2)
        refused = refused & (generator.random(centres.shape) > kept)
    result: Array = drawn
    return result
