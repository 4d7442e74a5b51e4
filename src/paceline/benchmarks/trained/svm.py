"""`svm`: support vector machines on more and more of the training set, in the space of Fabolas and BOHB.

There (Klein et al. 2017, Falkner et al. 2018) it is MNIST; C and γ are searched as powers of e, with exponents from -10
to 10, and the resource is a share of the training set. Here it is scikit-learn's small digits, on a grid of whole
exponents. Each share is contained in the larger ones.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from math import exp
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.trained.data import Data, Part, load_data
from paceline.benchmarks.trained.recipe import Curve, Recipe, Values, rows
from paceline.space import Float, Space

WHOLE = 81
"""Units of resource in the whole training set."""

REPEATS = 3
"""Fits that are timed; the quickest counts. What makes the others slower is other processes."""


@dataclass(frozen=True)
class SVM(Recipe):
    """Scikit-learn's `SVC` with a Gaussian kernel. Inputs are scaled to end at 1 in the training part.

    Args:
        task: the data set, of classes.
        minutes: see `Recipe`.
        exponents: of e, for C and γ alike: the grid.
        shares: of the training set, in units of 1/`WHOLE`.
    """

    family: ClassVar[str] = "svm"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = f"1/{WHOLE} of the training set"
    resumes: ClassVar[bool] = False
    part: ClassVar[int] = 7

    task: str
    minutes: float = 0.0
    exponents: tuple[int, ...] = tuple(range(-10, 11))
    shares: tuple[int, ...] = (1, 3, 9, 27, 54, 81)

    @property
    def resources(self) -> tuple[int, ...]:
        """The shares."""
        return self.shares

    @property
    def space(self) -> Space:
        """From the lowest exponent to the highest."""
        low, high = exp(self.exponents[0]), exp(self.exponents[-1])
        return Space({"C": Float(low, high, log=True), "gamma": Float(low, high, log=True)})

    def configs(self) -> list[Values]:
        """The grid."""
        values = [exp(exponent) for exponent in self.exponents]
        return [{"C": c, "gamma": gamma} for c, gamma in product(values, values)]

    def settings(self) -> dict[str, Any]:
        """See `Recipe.settings`."""
        return {"exponents": self.exponents, "repeats": REPEATS}

    def train(self, row: int) -> Curve:
        """See `Recipe.train`. A share takes the processor's seconds of its fit and of the validation, as measured."""
        config, data = rows(self)[row], load_data(self.task)
        scale = float(data.train.inputs.max())
        curve = Curve(*np.empty((3, len(self.shares))))
        for column, share in enumerate(self.shares):
            n = n_rows(data, share)
            inputs, targets = data.train.inputs[:n] / scale, data.train.targets[:n]
            found = [_fit(config, inputs, targets, data.valid, scale) for _ in range(REPEATS)]
            model, curve.valid[column], _ = found[0]
            curve.test[column] = _error(model, data.test, scale)
            curve.seconds[column] = min(seconds for _, _, seconds in found)
        return curve._replace(seconds=np.maximum.accumulate(curve.seconds))


def n_rows(data: Data, share: int) -> int:
    """Rows of the training part that a share has: the first of them, so that each is contained in the next."""
    return round(len(data.train.rows) * share / WHOLE)


def _fit(
    config: Values, inputs: NDArray[np.float64], targets: NDArray[Any], valid: Part, scale: float
) -> tuple[Any, float, float]:
    """A machine that was fitted, its error on the validation part, and what both took."""
    from sklearn.svm import SVC  # noqa: PLC0415 - an extra

    begin = time.process_time()
    model = SVC(C=config["C"], gamma=config["gamma"]).fit(inputs, targets)
    error = _error(model, valid, scale)
    return model, error, time.process_time() - begin


def _error(model: Any, part: Part, scale: float) -> float:
    return float((model.predict(part.inputs / scale) != part.targets).mean())
