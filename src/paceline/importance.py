"""Which hyperparameters mattered: PED-ANOVA (Watanabe, Bansal and Hutter 2023), by kernels over the trials there are.

A hyperparameter matters if its values among the best results differ from its values among all of them. Let p be its
density in all n results that are compared, q that in the best m, and w_i whether result i is among these (a part of 1
for those that tie for the last places). The paper's measure is the Pearson divergence of q from p, times (m / n)²:

    V = (m/n)² ∫ (q/p - 1)² p dx

Since m/n · q(x)/p(x) is the chance to be among the best at x (Bayes), V is the variance of that chance over x: what
this hyperparameter alone explains of the variance of w. Here it is divided by the variance of w, so that 1 is all, and
shares are in proportion to it. Effects of several together that none of them has alone are in no share.

Readings, where we differ from the paper:

the baseline    p is the density of the study's own results, not of the prior (γ = 1 of the results): what promotions
                and points have chosen is no evidence of what is good.
models          A model narrows several hyperparameters at once, so that one without any effect goes together with good
                ones. Where the sampler has one, only the trials are compared whose configs are random draws, which a
                trial's own stream tells, if they are enough; if not, `is_guided` says that all were.
bandwidths      q has those of p. So q ≤ p n/m everywhere, and V is linear algebra: names by their plain shares, numbers
                by Gaussians on a grid of the unit interval, `NARROWING` times as wide as `density.py` has it, because
                smoothing hides effects of numbers, and none of names.
chance          Also the m best of a hyperparameter without any effect are not spread like all n. What a random choice of
                the best would explain on average is known exactly, C = Σ (mean of k² - p²) / p / (n - 1), k being the
                kernels, and taken off as in the adjusted R²: 1 - (1 - R²) / (1 - C). For c names C is (c-1)/(n-1).
doubt           The shares are computed again for resamples of the results. These bring as much chance once more, which
                is taken off too.
conditions      A hyperparameter is judged among the results in which it is active, and the best of these.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from paceline.density import Array, Density, Layout
from paceline.errors import SettingError
from paceline.events import Reported, TrialId
from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.rng import generator_for, uniforms_for
from paceline.settings import at_least, within
from paceline.space import Categorical, Domain, Space
from paceline.space.scalars import Scalar

TOP = 0.1
"""The share of the results that are the best, where nothing else is asked for; the paper's γ'."""

MIN_RESULTS = 20
"""Fewer results say nothing; nor do fewer than 2 (d + 1) of d hyperparameters."""

MIN_BEST = 5
"""So many results are the best at least."""

RESAMPLES = 200
"""Of the results, for the intervals: from the tenth least of the shares to the tenth greatest."""

GRID = 100
"""Cells of the unit interval on which numbers are compared; no bandwidth is below one."""

NARROWING = 0.4
"""On bandwidths. Of three known functions' shares (a broad optimum, a narrow one, a slope; 50 to 1,000 results) 90 %
intervals with 1.0 hold only 60 % in places, because smoothing hides what is narrow; with 0.4 they hold 80 % or more
everywhere, and the mean errors are less or about the same. With 0.25 those of 50 results are greater."""

_ELEMENTS = 1_000_000
"""Of the largest matrix: resamples are taken in blocks of it."""


class Choice(msgspec.Struct, frozen=True):
    """One of a categorical's values.

    Args:
        value: the value.
        among_best: its share of the best results.
        among_all: its share of all results.
    """

    value: Scalar
    among_best: float
    among_all: float


class HyperparameterImportance(msgspec.Struct, frozen=True):
    """How much one hyperparameter mattered.

    Args:
        name: the hyperparameter.
        share: of what all explain, each alone.
        low: the lower end of a 90 % interval of the share, by resamples of the results ...
        high: ... and the upper end. Where it is wide, or begins at 0, there are too few results to tell.
        explained: the part of the variance of "is among the best" that it explains alone, beyond what chance would; 0
            to 1. What all together leave to 1 is noise, belongs to several of them at once, or to an optimum that is
            too narrow to be seen by so few results.
        n_results: in which it is active, among which it is judged.
        quartiles: of a number or an ordinal: half of the best results lie from the first value to the second.
        choices: of a categorical: its values, the most frequent among the best first.
    """

    name: str
    share: float
    low: float
    high: float
    explained: float
    n_results: int
    quartiles: tuple[Scalar, Scalar] | None = None
    choices: tuple[Choice, ...] = ()


class Importance(msgspec.Struct, frozen=True):
    """Which hyperparameters mattered, by the results at one resource.

    Args:
        resource: whose results were compared.
        n_results: how many there are, failed ones included.
        n_best: how many of them are the best.
        shares: the most important first. They sum to 1, or are all 0 where no hyperparameter tells the best results
            from the others better than chance: all results are equal, or there are too few.
        unjudged: names that were active in too few results.
        n_left_out: further results, of configs that a model proposed.
        is_guided: whether configs that a model proposed were compared, since too few others were there. A model tries
            good values together, and a share may belong to another hyperparameter; the intervals know nothing of that.
    """

    resource: int
    n_results: int
    n_best: int
    shares: tuple[HyperparameterImportance, ...]
    unjudged: tuple[str, ...] = ()
    n_left_out: int = 0
    is_guided: bool = False


def importance(
    entries: Iterable[Entry],
    space: Space,
    *,
    resource: int | None = None,
    top: float = TOP,
    has_model: bool = False,
) -> Importance:
    """Which hyperparameters mattered; see this file's head.

    A result is what a trial first reported at the resource. Those that were not finite rank last, and so do trials that
    failed for good on their way there.

    Args:
        entries: a study's journal.
        space: its space. Hyperparameters that can take one value only are left out.
        resource: whose results are compared; `None` is the highest that enough trials have reached: `MIN_RESULTS`, and
            2 (d + 1) for d hyperparameters.
        top: the share of the results that are the best, 0.01 to 0.99; at least `MIN_BEST` are.
        has_model: whether the sampler has a model; then only random draws are compared, where they are enough.

    Raises:
        SettingError: a setting is wrong, or too few results are there.
    """
    if resource is not None:
        at_least("resource", resource, 1)
    within("top", top, 0.01, 0.99)
    ledger, results = _results(entries)
    needed = max(MIN_RESULTS, 2 * (space.dimension + 1))
    everything, is_guided = results, False
    if has_model:
        drawn = _drawn_at_random(ledger, space)
        results = {at: {t: loss for t, loss in found.items() if t in drawn} for at, found in results.items()}
        is_guided = not any(len(found) >= needed for at, found in results.items() if resource in (None, at))
        results = everything if is_guided else results
    chosen = _chosen(results, resource, needed)
    # In the order of losses, and of trials where these are equal: the order of arrival must not decide.
    ranked = sorted((loss, trial) for trial, loss in results[chosen].items())
    losses = np.array([loss for loss, _ in ranked])
    points = space.encode_many(ledger.trials[trial].trial.config for _, trial in ranked)
    seed = 0 if ledger.opened is None else ledger.opened.seed
    shares = _judged(losses, points, space, top, generator_for(seed, "importance", chosen))
    judged = {one.name for one in shares}
    return Importance(
        resource=chosen,
        n_results=len(losses),
        n_best=int(_n_best(np.array(float(len(losses))), top)),
        shares=tuple(shares),
        unjudged=tuple(name for name in space.coordinates if name not in judged),
        n_left_out=len(everything[chosen]) - len(losses),
        is_guided=is_guided,
    )


# The results -------------------------------------------------------------------------------------------------------


def _results(entries: Iterable[Entry]) -> tuple[Ledger, dict[int, dict[TrialId, float]]]:
    """The journal folded, and the first loss of each trial at each resource."""
    ledger = Ledger()
    results: dict[int, dict[TrialId, float]] = {}
    for at, event in entries:
        ledger.apply(event, at)
        if isinstance(event, Reported) and ledger.objective.metric in event.metrics:
            results.setdefault(event.resource, {}).setdefault(
                event.trial, ledger.objective.loss(event.metrics)
            )
    for state in ledger.trials:
        if state.has_failed and state.job is not None:
            for resource, losses in results.items():
                if state.resource < resource <= state.job.target:
                    losses.setdefault(state.id, math.inf)
    return ledger, results


def _drawn_at_random(ledger: Ledger, space: Space) -> set[TrialId]:
    """The trials whose config is the one that `Random` draws for them, as samplers with a model also do."""
    seed = 0 if ledger.opened is None else ledger.opened.seed
    return {
        state.id
        for state in ledger.trials
        if space.sample(uniforms_for(seed, "config", state.id)) == state.trial.config
    }


def _chosen(results: Mapping[int, Mapping[TrialId, float]], resource: int | None, needed: int) -> int:
    """The resource whose results are compared.

    Raises:
        SettingError: too few are there.
    """
    enough = sorted(at for at, losses in results.items() if len(losses) >= needed)
    if resource is None and enough:
        return enough[-1]
    if resource in enough:
        return resource
    if enough:
        there = "enough are at " + ", ".join(map(str, enough[-3:]))
    elif results:
        most = max(sorted(results), key=lambda at: len(results[at]))
        there = f"the most are {len(results[most])}, at resource {most}"
    else:
        there = "there are none yet"
    if resource is None:
        expected = f"a resource with at least {needed} results; {there}"
    else:
        expected = (
            f"a resource with at least {needed} results, and it has {len(results.get(resource, ()))}; {there}"
        )
    raise SettingError(
        "resource", resource, expected=expected, hint="" if enough else "Let more trials report there."
    )


# The measure -------------------------------------------------------------------------------------------------------


class _Column:
    """One hyperparameter in the n results in which it is active, these in the order of their losses.

    Args:
        name: the hyperparameter.
        domain: its domain.
        points: `(all,)`, where it lies in the unit interval; NaN where inactive.
    """

    def __init__(self, name: str, domain: Domain, points: Array) -> None:
        self.name = name
        self.domain = domain
        self.is_active = ~np.isnan(points)
        self.points = points[self.is_active]
        n_cells = len(domain.choices) if isinstance(domain, Categorical) else GRID
        self.cells = np.minimum((self.points * n_cells).astype(np.intp), n_cells - 1)
        self._kernels = np.eye(n_cells) if isinstance(domain, Categorical) else _kernels(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def explained(self, counts: Array, best: Array, *, n_chances: int) -> Array:
        """`(b,)`: what it explains of each of b resamples, `n_chances` times what chance would taken off.

        Args:
            counts: `(b, n)`, how often each resample has each result.
            best: `(b, n)`, how often among its best.
            n_chances: 1 for the results themselves, 2 for resamples of them.
        """
        n = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        p = self.in_cells(counts) @ self._kernels / n
        mean = best.sum(axis=1, keepdims=True) / n  # m/n
        # ∫ (m/n q/p - m/n)² p dx, the variance of the chance to be among the best; then that of being among them.
        between = _ratio((self.in_cells(best) @ self._kernels / n - mean * p) ** 2, p).sum(axis=1)
        variance = (_ratio(best**2, counts) / n).sum(axis=1) - mean[:, 0] ** 2
        left = 1.0 - _ratio(between, np.where(variance > 1e-12, variance, 0.0))
        left_by_chance = (1.0 - self._chance()) ** n_chances
        if (
            left_by_chance < 1e-9
        ):  # each result has a name of its own: whatever the best are, names explain it
            return np.zeros(len(counts))
        explained: Array = np.maximum(1.0 - left / left_by_chance, 0.0)
        return explained

    def in_cells(self, weights: Array) -> Array:
        """`(b, n)` weights of the results as `(b, cells)`."""
        n_rows, n_cells = len(weights), len(self._kernels)
        places = np.arange(n_rows)[:, None] * n_cells + self.cells
        summed = np.bincount(places.ravel(), weights.ravel(), n_rows * n_cells).astype(np.float64)
        return summed.reshape(n_rows, n_cells)

    def _chance(self) -> float:
        """C, what a random choice of the best explains on average."""
        [parts] = self.in_cells(np.full((1, len(self)), 1 / len(self)))
        p = parts @ self._kernels
        return float(_ratio(parts @ self._kernels**2 - p**2, p).sum()) / (len(self) - 1)


def _ratio(part: Array, whole: Array) -> Array:
    """Quotients, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _kernels(points: Array) -> Array:
    """`(GRID, GRID)`: a Gaussian around the centre of each cell, in rows that sum to 1, for the density of n points."""
    spread = NARROWING * float(points.std())
    density = Density(points[:, None], Layout([0]), min_bandwidth=1 / GRID, spread=spread)
    centres = (np.arange(GRID) + 0.5) / GRID
    kernels = np.exp(-0.5 * ((centres[:, None] - centres) / density.number_bandwidths) ** 2)
    normalized: Array = kernels / kernels.sum(axis=1, keepdims=True)
    return normalized


def _n_best(n: Array, top: float) -> Array:
    """How many of n results are the best; 0.07 of 100 are 7, whatever the product of floats is."""
    return np.maximum(np.ceil(top * n - 1e-9), MIN_BEST)


def _best(counts: Array, losses: Array, top: float) -> Array:
    """`(b, n)`: how often each result is among the best; those that tie for the last places have equal parts of them."""
    starts = np.flatnonzero(np.concatenate([[True], losses[1:] != losses[:-1]]))
    tied = np.add.reduceat(counts, starts, axis=1)
    n = counts.sum(axis=1, keepdims=True)
    room = _n_best(n, top) - (np.cumsum(tied, axis=1) - tied)
    parts = np.clip(room / np.maximum(tied, 1.0), 0.0, 1.0)
    best: Array = counts * np.repeat(parts, np.diff(np.append(starts, len(losses))), axis=1)
    return best


def _judged(
    losses: Array, points: Array, space: Space, top: float, generator: np.random.Generator
) -> list[HyperparameterImportance]:
    """Each hyperparameter that is active in enough results, the most important first."""
    columns = [
        _Column(name, space.domains[name], points[:, place])
        for place, name in enumerate(space.coordinates)
        if np.count_nonzero(~np.isnan(points[:, place])) >= MIN_RESULTS
    ]
    n = len(losses)
    explained = _explained(columns, np.ones((1, n)), losses, top, n_chances=1)
    resampled = [_explained(columns, counts, losses, top, n_chances=2) for counts in _resamples(n, generator)]
    shares = _shares(explained)[0]
    lows, highs = np.quantile(_shares(np.concatenate(resampled)), (0.05, 0.95), axis=0)
    found = []
    for column, share, low, high, part in zip(columns, shares, lows, highs, explained[0], strict=True):
        best = _best(np.ones((1, len(column))), losses[column.is_active], top)[0]
        one = HyperparameterImportance(
            column.name, float(share), float(low), float(high), float(part), len(column)
        )
        found.append(_described(column, one, best))
    return sorted(found, key=lambda one: -one.share)


def _resamples(n: int, generator: np.random.Generator) -> Iterator[Array]:
    """`RESAMPLES` of n results, as `(b, n)` counts in blocks that are not too large."""
    rows = max(1, _ELEMENTS // n)
    for begin in range(0, RESAMPLES, rows):
        b = min(rows, RESAMPLES - begin)
        places = generator.integers(n, size=(b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(places.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def _explained(
    columns: Sequence[_Column], counts: Array, losses: Array, top: float, *, n_chances: int
) -> Array:
    """`(b, h)`: what each of h hyperparameters explains of each of b resamples."""
    of_active: dict[bytes, tuple[Array, Array]] = {}  # the same for all that are active in the same results
    explained = np.empty((len(counts), len(columns)))
    for place, column in enumerate(columns):
        key = column.is_active.tobytes()
        if key not in of_active:
            active = counts[:, column.is_active]
            of_active[key] = active, _best(active, losses[column.is_active], top)
        explained[:, place] = column.explained(*of_active[key], n_chances=n_chances)
    return explained


def _shares(explained: Array) -> Array:
    """Of each row's sum; 0 where that is 0."""
    return _ratio(explained, np.broadcast_to(explained.sum(axis=1, keepdims=True), explained.shape))


def _described(column: _Column, found: HyperparameterImportance, best: Array) -> HyperparameterImportance:
    """With where the best values lie."""
    if isinstance(column.domain, Categorical):
        return msgspec.structs.replace(found, choices=_choices(column.domain, column, best))
    return msgspec.structs.replace(found, quartiles=_quartiles(column.domain, column.points, best))


def _quartiles(domain: Domain, points: Array, best: Array) -> tuple[Scalar, Scalar]:
    """The values below which, of the best, a quarter and three quarters lie."""
    order = np.argsort(points, kind="stable")
    below = np.cumsum(best[order]) / best.sum()
    lower, upper = (points[order[np.searchsorted(below, part - 1e-9)]] for part in (0.25, 0.75))
    return domain.scale.decode(float(lower)), domain.scale.decode(float(upper))


def _choices(domain: Categorical, column: _Column, best: Array) -> tuple[Choice, ...]:
    """Its values that occur, the most frequent among the best first."""
    among_best, among_all = column.in_cells(np.array([best / best.sum(), np.full(len(best), 1 / len(best))]))
    return tuple(
        Choice(domain.choices[place], float(among_best[place]), float(among_all[place]))
        for place in np.argsort(-among_best, kind="stable")
        if among_all[place] > 0
    )
