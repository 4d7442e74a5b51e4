"""The data sets that the tables are trained on: those that come with scikit-learn, in three parts.

Half of the rows train, a quarter are validation, which methods see, and a quarter are held out. The parts are drawn once
for each data set, classes in proportion, and are the same for all configs and recipes. Quarters rather than fifths: of
178 wines a fifth would tell 36 rates of error apart.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.errors import SettingError
from paceline.rng import generator_for

LOADERS = MappingProxyType(
    {
        "digits": "load_digits",
        "wine": "load_wine",
        "breast_cancer": "load_breast_cancer",
        "diabetes": "load_diabetes",
    }
)
"""The data sets, and what loads each from the installed files of scikit-learn: none is downloaded."""

REGRESSION = ("diabetes",)
"""Those whose target is a number."""

VERSION = 1
"""To be raised with every change of the parts."""

_SEED = 0


class Part(msgspec.Struct, frozen=True):
    """Rows of a data set.

    Args:
        rows: their numbers in the data set.
        inputs: `(n, features)`, as the data set has them.
        targets: `(n,)`, whole numbers from 0 for classes, or a number.
    """

    rows: NDArray[np.int64]
    inputs: NDArray[np.float64]
    targets: NDArray[np.int64] | NDArray[np.float64]


class Data(msgspec.Struct, frozen=True):
    """A data set in three parts.

    Args:
        n_classes: 0 where the target is a number.
        train: the rows of its beginning have the classes in proportion, wherever one cuts.
        valid: what methods see.
        test: what nothing is selected by.
    """

    n_classes: int
    train: Part
    valid: Part
    test: Part


@lru_cache(maxsize=4)
def load_data(name: str) -> Data:
    """A data set by its name in `LOADERS`.

    Raises:
        SettingError: scikit-learn is not installed.
    """
    try:
        from sklearn import datasets  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise missing() from error
    inputs, targets = getattr(datasets, LOADERS[name])(return_X_y=True)
    is_number = name in REGRESSION
    train, valid, test = split(np.zeros(len(targets), dtype=np.int64) if is_number else targets)
    parts = [Part(rows, inputs[rows], targets[rows]) for rows in (train, valid, test)]
    return Data(0 if is_number else int(targets.max()) + 1, *parts)


def missing() -> SettingError:
    """What to say where scikit-learn is not installed."""
    return SettingError(
        "benchmark",
        "scikit-learn",
        expected="scikit-learn to be installed: the tables are made from its data sets",
        hint="Run: pip install 'paceline[tables]'.",
    )


def split(classes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the training, validation and test parts: half, a quarter and a quarter of each class.

    The training rows are in an order in which every beginning has the classes in proportion, as far as whole rows allow:
    the j-th of a class's n stands at (j + 1/2)/n of the way.
    """
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    places = []
    for of in np.unique(classes):
        rows = generator_for(_SEED, "trained-split", int(of)).permutation(np.flatnonzero(classes == of))
        quarter = np.arange(len(rows)) % 4
        for part, its in zip(parts, (quarter % 2 == 0, quarter == 1, quarter == 3), strict=True):
            part.append(rows[its])
        n = len(parts[0][-1])
        places.append((np.arange(n) + 0.5) / n)
    train, valid, test = map(np.concatenate, parts)
    return train[np.concatenate(places).argsort(kind="stable")], valid, test
