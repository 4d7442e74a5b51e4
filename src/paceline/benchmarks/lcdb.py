"""Learning curves over the size of the training set: the Learning Curve Database (Mohr et al. 2022).

There is one hyperparameter, which of twenty learners of scikit-learn, with their default settings. The resource is how
many samples it is trained on; each size is a fit from nothing. Each fit was made on 25 splits of the data, five inner
ones in each of five outer ones: a trial is trained on the split that is drawn for it, so the loss is as noisy as it would
be. The true loss is the mean over splits of the error at the full size.

Files: `<task>.npz` with `learners` (n,), `anchors` (sizes,), and `err_valid`, `err_test`, `seconds`, each of shape (n,
sizes, splits), NaN where a fit failed. No size between two anchors was tried: it stands for the lower one.

How long a fit had run when it failed is not known. It counts as the longest of the same learner at this size or a smaller
one, on any split: at least that long, if it failed for its time.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.base import LEAST_SECONDS, Benchmark, bounded, existing, file_hash
from paceline.errors import SettingError
from paceline.events import Config, TrialId
from paceline.rng import generator_for
from paceline.space import Categorical, Space

SOURCE = "the package lcdb, version 0.1 (Mohr et al. 2022), https://github.com/fmohr/lcdb"


class LearnerCurves(Benchmark):
    """One data set.

    Args:
        path: of the curves, `<task>.npz`.
        seed: of the splits.

    Raises:
        SettingError: the file is missing, or does not hold what it should.
    """

    def __init__(self, path: str | os.PathLike[str], *, seed: int = 0) -> None:
        self._path = path = Path(path).resolve()
        arrays = _read(path)
        self.family = path.parent.name
        self.name = f"{self.family}/{path.stem}"
        self.seed = seed
        learners = arrays["learners"].tolist()
        self.space = Space({"learner": Categorical(learners)})
        self.unit = "sample"
        self.resumes = False
        self._rows = {name: row for row, name in enumerate(learners)}
        self._anchors: list[int] = arrays["anchors"].tolist()
        self._losses: NDArray[np.floating] = arrays["err_valid"]
        self._seconds = _filled(arrays["seconds"].astype(np.float64))
        self.min_resource, self.max_resource = self._anchors[0], self._anchors[-1]
        self.worst = 1.0
        self._true = self._means(arrays["err_valid"])
        self._test = self._means(arrays["err_test"])
        self.full_seconds = float(self._seconds[:, -1].mean())
        self.best = min(self._true)
        self.median = float(np.median(self._true))

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:
        """The error of a fit of so many samples, on the split that (seed, trial) names."""
        return float(self._losses[self._row(config), self._anchor(resource), self._split(trial)])

    def true_loss(self, config: Config) -> float:
        """The mean error at the full size over the splits where the fit did not fail; 1 if it failed on all."""
        return self._true[self._row(config)]

    def test_loss(self, config: Config) -> float:
        """Likewise, on held-out data."""
        return self._test[self._row(config)]

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        """Those of the fit, made to not fall as the size rises."""
        return float(self._seconds[self._row(config), self._anchor(resource), self._split(trial)])

    def content(self) -> Sequence[str]:
        """The file, and the seed of the splits."""
        return [file_hash(self._path), str(self.seed)]

    def _row(self, config: Config) -> int:
        return self._rows[str(self.space.validate(config)["learner"])]

    def _anchor(self, resource: int) -> int:
        self.check_resource(resource)
        return max(0, bisect_right(self._anchors, resource) - 1)

    def _split(self, trial: int) -> int:
        return int(generator_for(self.seed, "split", trial).integers(self._losses.shape[-1]))

    def _means(self, errors: NDArray[np.floating]) -> list[float]:
        """Over the splits, at the full size."""
        at_end = [split[~np.isnan(split)] for split in errors[:, -1]]
        return [bounded(float(it.mean(dtype=np.float64)) if it.size else np.nan, self.worst) for it in at_end]


def _filled(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds that are all known, and never fall."""
    longest = np.fmax.accumulate(np.fmax.reduce(seconds, axis=-1), axis=-1)[..., None]
    known = np.where(np.isnan(seconds), longest, seconds)
    return np.fmax.accumulate(np.fmax(known, LEAST_SECONDS), axis=1)


def _read(path: Path) -> dict[str, Any]:
    existing(path, f"The curves come from {SOURCE}.")
    names = ("learners", "anchors", "err_valid", "err_test", "seconds")
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: np.asarray(file[name]) for name in names if name in file}
    if missing := [name for name in names if name not in arrays]:
        raise SettingError("path", str(path), expected=f"arrays {', '.join(names)}; it lacks {missing}")
    shape = (arrays["learners"].size, arrays["anchors"].size)
    for name in names[2:]:
        found = arrays[name].shape
        if len(found) != 3 or found[:2] != shape or found != arrays["err_valid"].shape:
            raise SettingError(
                "path",
                str(path),
                expected=f"an array {name!r} of shape {(*shape, 'splits')}, as many as of 'err_valid', not {found}",
            )
    if shape[1] < 2 or (np.diff(arrays["anchors"]) <= 0).any():
        raise SettingError("path", str(path), expected="sizes that rise in 'anchors', at least two")
    return arrays
