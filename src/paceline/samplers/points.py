"""Points of the unit cube, many at a time: what models choose among, and what they see of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paceline.space import Categorical, Space
from paceline.space.hierarchy import parents_first

_ALL = 500
"""A space of no more configs than this is looked at as a whole."""


class Candidates:
    """Draws points to choose among. Those of discrete hyperparameters are centres of cells, as encoded configs are.

    Args:
        space: the search space. Constraints are not asked: whoever chooses decodes the winner only, and asks then.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._scales = [space.domains[name].scale for name in space.coordinates]
        self._columns = {name: column for column, name in enumerate(space.coordinates)}
        self._order = parents_first(space.domains)
        self._is_name = np.array([isinstance(space.domains[name], Categorical) for name in space.coordinates])
        n_configs = space.n_configs
        self.are_all = n_configs is not None and n_configs <= _ALL
        """Whether `draw` gives every config there is."""
        self._all: NDArray[np.float64] | None = None

    def draw(self, n: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Uniform candidates: an `(n, dimension)` array, NaN where inactive; all configs, shuffled, where they are few."""
        if self.are_all:
            return random.permutation(self._everything())
        return self.settle(random.random((n, self.space.dimension)))

    def near(self, point: NDArray[np.float64], n: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Candidates around a point: about three coordinates of each are moved, near or far, names to any other.

        Returns:
            An `(n, dimension)` array, NaN where inactive.
        """
        anywhere = random.random((n, len(point)))
        moves = random.random((n, len(point))) < 3.0 / max(3, len(point))
        moves[np.arange(n), random.integers(len(point), size=n)] = True
        width = 0.01 * 30.0 ** random.random(
            (n, 1)
        )  # standard deviations of 0.01 to 0.3, even in the logarithm
        moved = point + moves * width * random.standard_normal((n, len(point)))
        moved = 1.0 - np.abs(1.0 - np.abs(moved) % 2.0)  # the cube's sides are mirrors
        is_anywhere = np.isnan(moved) | (moves & self._is_name)
        return self.settle(np.where(is_anywhere, anywhere, moved))

    def settle(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same points as `encode` would give their configs: discrete coordinates at centres, NaN where inactive."""
        settled = np.stack(
            [scale.snap(column) for scale, column in zip(self._scales, points.T, strict=True)], axis=-1
        )
        active: dict[str, NDArray[np.bool_]] = {}
        for name in self._order:
            active[name] = np.ones(len(points), np.bool_)
            for parent, test in self.space.domains[name].conditions.items():
                column = self._columns.get(parent)
                values, inverse = np.unique(
                    np.full(len(points), 0.5) if column is None else settled[:, column], return_inverse=True
                )
                decode = self.space.domains[parent].scale.decode
                holds = np.array([test.holds(decode(float(value))) for value in values], np.bool_)
                active[name] &= active[parent] & holds[inverse]
        for name, column in self._columns.items():
            settled[~active[name], column] = np.nan
        return settled

    def _everything(self) -> NDArray[np.float64]:
        if self._all is None:
            self._all = self.space.encode_many(self.space.grid(_ALL))
        return self._all


class Features:
    """What a model sees of a point: numbers as they are, a number for each value of a hyperparameter of names.

    Args:
        space: the search space.
        names: how many values a `Categorical` has that is seen in this way; others are seen by their place.
        inactive: what stands for NaN.
        height: what stands for a name that is there; 0 stands for all others.
    """

    def __init__(self, space: Space, *, names: range, inactive: float, height: float) -> None:
        self._inactive = inactive
        self._height = height
        domains = [space.domains[name] for name in space.coordinates]
        n_names = [
            (domain.n_values or 0)
            if isinstance(domain, Categorical) and (domain.n_values or 0) in names
            else 0
            for domain in domains
        ]
        self._plain = [column for column, n in enumerate(n_names) if not n]
        self._named = [column for column, n in enumerate(n_names) for _ in range(n)]
        self._centres = np.array([(i + 0.5) / n for n in n_names for i in range(n)])
        self._half_cells = np.array([0.25 / n for n in n_names for _ in range(n)])
        self.owners = np.array(self._plain + self._named, np.intp)
        """The coordinate to which each feature belongs."""

    def of(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The features of `(n, dimension)` points: an `(n, len(owners))` array."""
        plain = points[:, self._plain]
        plain[np.isnan(plain)] = self._inactive
        if not self._named:
            return plain
        distances = np.abs(points[:, self._named] - self._centres)  # NaN is near to none
        return np.concatenate([plain, self._height * (distances < self._half_cells)], axis=1)
