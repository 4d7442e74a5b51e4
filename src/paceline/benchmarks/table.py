"""Curves that were really trained: a table of configs, and of each config's validation losses.

A table knows its own configs only, and a sampler proposes any: a proposal stands for the row that is nearest to it in the
unit cube. That makes the problem a step function of the space; it is the same for every method. Nor does it know more
resources than its columns: one between two of them stands for the lower, one below the first for the first.

Files: `<task>.npz`, and beside it what all tables of a folder share, `configs.npy` and `space.json`.

    valid       (rows, columns): losses, NaN from where a training diverged
    test        likewise, on held-out data, if there are any
    seconds     likewise, from nothing to this resource; without them a unit of resource takes a second
    resources   (columns,): whole numbers that rise; without them 1, 2, 3, ...
    configs     (rows, hyperparameters), in the order of the space; a choice is its place in the list of choices
    space.json  {"space": [{"name": "learning_rate", "lower": 1e-4, "upper": 0.1, "log": true},
                           {"name": "layers", "lower": 1, "upper": 4, "integer": true},
                           {"name": "optimizer", "choices": ["sgd", "adam"]}, ...],
                 "unit": "epoch", "resumes": true, "min_resource": 1}

A hyperparameter that was drawn log-uniformly in 1 - β ("log_of_one_minus") is searched as `one_minus_<name>`. Made for
TaskSet (Metz et al. 2020): 1,000 configs of Adam, 51 checkpoints of 10,000 steps, of which the first lies before training.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.base import CurveBenchmark, bounded, existing, file_hash
from paceline.errors import SettingError, SpaceError
from paceline.events import Config
from paceline.space import Categorical, Float, Integer, Scalar, Space

SOURCE = "TaskSet (Metz et al. 2020), https://github.com/google-research/google-research/tree/master/task_set"

CLIP = 10.0
"""Beyond this many times the loss before training, a true loss counts no further: some rows reach 1e34."""


class _Hyperparameter(msgspec.Struct, frozen=True):
    """Of `space.json`: a range, or choices."""

    name: str
    lower: float | None = None
    upper: float | None = None
    log: bool = False
    integer: bool = False
    log_of_one_minus: bool = False
    choices: list[Scalar] | None = None

    def domain(self) -> tuple[str, Categorical | Integer | Float]:
        """The name that is searched, and where."""
        if self.choices is not None:
            return self.name, Categorical(self.choices)
        if self.lower is None or self.upper is None:
            raise SpaceError([f"{self.name!r}: expected 'lower' and 'upper', or 'choices'"])
        if self.integer:
            return self.name, Integer(int(self.lower), int(self.upper), log=self.log)
        if not self.log_of_one_minus:
            return self.name, Float(self.lower, self.upper, log=self.log)
        low, high = (
            float(f"{1.0 - end:.9g}") for end in (self.upper, self.lower)
        )  # 1 - 0.9999 is 0.0001 to 12 digits
        return f"one_minus_{self.name}", Float(low, high, log=True)

    def values(self, column: NDArray[np.float64], domain: Categorical | Integer | Float) -> list[Scalar]:
        """What a column of `configs.npy` means; numbers beyond the ends are moved there."""
        if isinstance(domain, Categorical):
            places = column.astype(int)
            if (places != column).any() or places.min() < 0 or places.max() >= len(domain.choices):
                raise SpaceError([f"{self.name!r}: expected places in the list of choices"])
            return [domain.choices[place] for place in places]
        values: list[Scalar]
        if isinstance(domain, Integer):
            values = np.clip(np.rint(column), domain.low, domain.high).astype(int).tolist()
        else:
            searched = 1.0 - column if self.log_of_one_minus else column
            values = np.clip(searched, domain.low, domain.high).tolist()
        return values


class _SpaceFile(msgspec.Struct, frozen=True):
    """`space.json`."""

    space: list[_Hyperparameter]
    unit: str = "epoch"
    resumes: bool = True
    min_resource: int = 1


class _Configs(msgspec.Struct, frozen=True):
    """What the tables of a folder share: the space, and its rows as configs and in the unit cube.

    `is_name` says which coordinates are choices, between which there is no nearer and farther.
    """

    file: _SpaceFile
    space: Space
    rows: list[Config]
    points: NDArray[np.float64]
    is_name: NDArray[np.bool_]


class _Arrays(msgspec.Struct, frozen=True):
    """What a table holds, checked."""

    losses: NDArray[np.float64]
    test: NDArray[np.float64] | None
    seconds: NDArray[np.float64]
    resources: tuple[int, ...]


class Table(CurveBenchmark):
    """One table.

    Losses are the table's own, NaN where training had diverged. True losses are bounded by `worst`, which is what a
    diverged row gets too; so is `median`. Error rates, of which none is above 1, are as bad as it gets at 1; other losses at
    `CLIP` times the median of the first column.

    Args:
        path: of the table, `<task>.npz`; `configs.npy` and `space.json` are beside it.
        unit: of resource; by default what `space.json` says.
        min_resource: likewise.
        is_error_rate: whether the losses are error rates; by default, whether none is above 1.

    Raises:
        SettingError: a file is missing, or does not hold what it should.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        unit: str | None = None,
        min_resource: int | None = None,
        is_error_rate: bool | None = None,
    ) -> None:
        path = Path(path).resolve()
        configs = _read_configs(path.parent)
        arrays = _read_arrays(path, len(configs.rows))
        losses = arrays.losses
        self.family = path.parent.name
        self.name = f"{self.family}/{path.stem}"
        self.space = configs.space
        self.unit = configs.file.unit if unit is None else unit
        self.resumes = configs.file.resumes
        self.min_resource = configs.file.min_resource if min_resource is None else min_resource
        self.max_resource = arrays.resources[-1]
        self.full_seconds = float(arrays.seconds[:, -1].mean())
        self.initial_loss = float(np.nanmedian(losses[:, 0]))
        if is_error_rate is None:
            is_error_rate = bool(np.nanmax(losses) <= 1.0)
        self.worst = 1.0 if is_error_rate else CLIP * self.initial_loss
        final = np.fmin(losses[:, -1], self.worst)
        self.best = float(final.min())
        self.median = float(np.median(final))
        self._path = path
        self._configs = configs
        self._arrays = arrays
        super().__init__(arrays.resources)

    @classmethod
    def taskset(cls, path: str | os.PathLike[str]) -> Table:
        """A table of TaskSet, whose `space.json` says nothing else: columns are checkpoints, the first before training.

        Raises:
            SettingError: see the class.
        """
        return cls(path, unit="checkpoint", min_resource=2, is_error_rate=False)

    def row(self, config: Config) -> int:
        """The row that the config stands for: the nearest in the unit cube, of several the first.

        Another choice than the row's is as far as from end to end.

        Raises:
            SpaceError: it is no config of `space`.
        """
        configs = self._configs
        differences = configs.points - self.space.encode(config)
        differences[:, configs.is_name] = differences[:, configs.is_name] != 0
        return int((differences**2).sum(axis=1).argmin())

    def config(self, row: int) -> Config:
        """The config of a row; values beyond the ends of the space are moved there."""
        return dict(self._configs.rows[row])

    def test_loss(self, config: Config) -> float:
        """See `Benchmark.test_loss`; bounded by `worst`."""
        test = self._arrays.test
        if test is None:
            return self.true_loss(config)
        return bounded(float(test[self.row(config), -1]), self.worst)

    def content(self) -> Sequence[str]:
        """The files, and which losses are as bad as it gets."""
        folder = self._path.parent
        files = (self._path, folder / "configs.npy", folder / "space.json")
        return [*map(file_hash, files), repr(self.worst)]

    def prepare(self, config: Config) -> int:
        """See `CurveBenchmark.prepare`: the row."""
        return self.row(config)

    def compute(self, row: int, resources: tuple[int, ...]) -> tuple[list[float], list[float]]:  # noqa: ARG002
        """See `CurveBenchmark.compute`; there is one piece, all columns."""
        return self._arrays.losses[row].tolist(), self._arrays.seconds[row].tolist()

    def _place(self, resource: int) -> int:
        self.check_resource(resource)
        return max(0, bisect_right(self._arrays.resources, resource) - 1)


@cache
def _read_configs(folder: Path) -> _Configs:
    """The space and the configs, read once for all tables of a folder."""
    data = _existing(folder / "space.json").read_bytes()
    try:
        file = msgspec.json.decode(data, type=_SpaceFile)
        domains = dict(it.domain() for it in file.space)
        space = Space(domains)
    except (msgspec.MsgspecError, SpaceError) as error:
        raise SettingError(
            "folder", str(folder), expected="ranges of hyperparameters in space.json", hint=f"{error}."
        ) from error
    values: NDArray[np.float64] = np.load(_existing(folder / "configs.npy"), allow_pickle=False)
    if values.ndim != 2 or values.shape[1] != len(domains):
        raise SettingError(
            "folder",
            str(folder),
            expected=f"a config in each row of configs.npy: shape (rows, {len(domains)}), not {values.shape}",
        )
    try:
        columns = [
            it.values(column, domain)
            for it, domain, column in zip(file.space, domains.values(), values.T, strict=True)
        ]
    except SpaceError as error:
        raise SettingError(
            "folder", str(folder), expected="configs of space.json in configs.npy", hint=f"{error}."
        ) from error
    rows = [space.validate(dict(zip(space.names, row, strict=True))) for row in zip(*columns, strict=True)]
    is_name = np.array([isinstance(domains[name], Categorical) for name in space.coordinates], dtype=bool)
    return _Configs(file, space, rows, space.encode_many(rows), is_name)


def _read_arrays(path: Path, n_rows: int) -> _Arrays:
    with np.load(_existing(path), allow_pickle=False) as arrays:
        held = {
            name: np.asarray(arrays[name])
            for name in ("valid", "test", "seconds", "resources")
            if name in arrays
        }

    def refused(expected: str) -> SettingError:
        return SettingError("path", str(path), expected=expected)

    losses = held.get("valid", np.empty(0)).astype(np.float64)
    if losses.ndim != 2 or losses.shape[0] != n_rows or not losses.shape[1]:
        raise refused(f"an array 'valid' with a row for each of {n_rows} configs, not shape {losses.shape}")
    for name in ("test", "seconds"):
        if name in held and held[name].shape != losses.shape:
            raise refused(
                f"an array {name!r} of the shape of 'valid', {losses.shape}, not {held[name].shape}"
            )
    resources = held.get("resources", np.arange(1, losses.shape[1] + 1))
    if not _are_rising(resources, losses.shape[1]):
        raise refused(f"whole numbers that rise in 'resources', one for each of {losses.shape[1]} columns")
    seconds = np.broadcast_to(resources, losses.shape).astype(np.float64)
    if "seconds" in held:
        # What is not known of a training that had diverged took as long as all before it.
        seconds = np.fmax.accumulate(held["seconds"].astype(np.float64), axis=1)
        if not (np.isfinite(seconds).all() and (seconds >= 0).all()):
            raise refused("finite numbers of at least 0 in 'seconds'")
    test = held["test"].astype(np.float64) if "test" in held else None
    losses[~np.isfinite(losses)] = np.nan
    return _Arrays(losses, test, seconds, tuple(resources.tolist()))


def _are_rising(resources: NDArray[Any], n: int) -> bool:
    is_whole = resources.shape == (n,) and np.issubdtype(resources.dtype, np.integer)
    return bool(is_whole and resources[0] >= 1 and (np.diff(resources) > 0).all())


def _existing(path: Path) -> Path:
    return existing(path, f"Tables of {SOURCE}; docs/benchmarks.md says how to write one.")
