"""Curves that were really trained: a table of configs, and of each config's validation losses.

Made for TaskSet (Metz et al. 2020): 1,000 configs of Adam, 51 checkpoints of 10,000 steps, of which the first lies
before training. A table knows its own configs only, and a sampler proposes any: a proposal stands for the row that is
nearest to it in the unit cube. That makes the problem a step function of the space; it is the same for every method.

Files: `<task>.npz` with `valid`, shape (rows, checkpoints), NaN from where a training diverged; beside it `configs.npy`,
shape (rows, hyperparameters), and `space.json`. A hyperparameter that was drawn log-uniformly in 1 - β is searched as
`one_minus_<name>`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.base import CurveBenchmark, file_hash
from paceline.errors import SettingError
from paceline.events import Config
from paceline.space import Float, Space

SOURCE = "TaskSet (Metz et al. 2020), https://github.com/google-research/google-research/tree/master/task_set"

CLIP = 10.0
"""Beyond this many times the loss before training, a true loss counts no further: some rows reach 1e34."""


class _Range(msgspec.Struct, frozen=True):
    """A hyperparameter of `space.json`."""

    name: str
    lower: float
    upper: float
    log: bool = False
    log_of_one_minus: bool = False


class _SpaceFile(msgspec.Struct, frozen=True):
    """`space.json`."""

    space: list[_Range]


class _Configs(msgspec.Struct, frozen=True):
    """What the tables of a folder share: the space, and its rows as configs and in the unit cube."""

    space: Space
    rows: list[Config]
    points: NDArray[np.float64]


class Table(CurveBenchmark):
    """One table. A checkpoint is a unit of resource and takes a virtual second.

    Losses are the table's own, NaN where training had diverged. True losses are clipped at `CLIP` times the median loss
    of the first checkpoint, which is what a diverged row gets too; so is `median`.

    Args:
        path: of the table, `<task>.npz`; `configs.npy` and `space.json` are beside it.
        min_resource: 2 by default, because the first checkpoint lies before training.

    Raises:
        SettingError: a file is missing, or does not hold what it should.
    """

    def __init__(self, path: str | os.PathLike[str], *, min_resource: int = 2) -> None:
        path = Path(path).resolve()
        configs = _read_configs(path.parent)
        losses = _read_losses(path, len(configs.rows))
        self.family = path.parent.name
        self.name = f"{self.family}/{path.stem}"
        self.space = configs.space
        self.unit = "checkpoint"
        self.resumes = True
        self.min_resource = min_resource
        self.max_resource = losses.shape[1]
        self.full_seconds = float(self.max_resource)
        self.initial_loss = float(np.nanmedian(losses[:, 0]))
        self.worst = CLIP * self.initial_loss
        final = np.fmin(losses[:, -1], self.worst)
        self.best = float(final.min())
        self.median = float(np.median(final))
        self._path = path
        self._configs = configs
        self._losses = losses
        super().__init__(range(1, self.max_resource + 1))

    def row(self, config: Config) -> int:
        """The row that the config stands for: the nearest in the unit cube, of several the first.

        Raises:
            SpaceError: it is no config of `space`.
        """
        distances = ((self._configs.points - self.space.encode(config)) ** 2).sum(axis=1)
        return int(distances.argmin())

    def config(self, row: int) -> Config:
        """The config of a row; values beyond the ends of the space are moved there."""
        return dict(self._configs.rows[row])

    def content(self) -> Sequence[str]:
        """The files."""
        folder = self._path.parent
        return [file_hash(path) for path in (self._path, folder / "configs.npy", folder / "space.json")]

    def compute(self, config: Config, resources: Sequence[int]) -> tuple[list[float], list[float]]:
        """See `CurveBenchmark.compute`."""
        losses = self._losses[self.row(config)].tolist()
        return [losses[resource - 1] for resource in resources], [float(resource) for resource in resources]


@cache
def _read_configs(folder: Path) -> _Configs:
    """The space and the configs, read once for all tables of a folder."""
    data = _existing(folder / "space.json").read_bytes()
    try:
        ranges = msgspec.json.decode(data, type=_SpaceFile).space
    except msgspec.MsgspecError as error:
        raise SettingError(
            "folder", str(folder), expected="ranges of hyperparameters in space.json", hint=f"{error}."
        ) from error
    domains = dict(map(_domain, ranges))
    space = Space(domains)
    values: NDArray[np.float64] = np.load(_existing(folder / "configs.npy"), allow_pickle=False)
    if values.ndim != 2 or values.shape[1] != len(ranges):
        raise SettingError(
            "folder",
            str(folder),
            expected=f"a config in each row of configs.npy: shape (rows, {len(ranges)}), not {values.shape}",
        )
    for column, (it, domain) in enumerate(zip(ranges, domains.values(), strict=True)):
        searched = 1.0 - values[:, column] if it.log_of_one_minus else values[:, column]
        values[:, column] = np.clip(searched, domain.low, domain.high)
    rows = [space.validate(dict(zip(space.names, row, strict=True))) for row in values.tolist()]
    return _Configs(space, rows, space.encode_many(rows))


def _domain(it: _Range) -> tuple[str, Float]:
    if not it.log_of_one_minus:
        return it.name, Float(it.lower, it.upper, log=it.log)
    low, high = (
        float(f"{1.0 - end:.9g}") for end in (it.upper, it.lower)
    )  # 1 - 0.9999 is 0.0001 to 12 digits
    return f"one_minus_{it.name}", Float(low, high, log=True)


def _read_losses(path: Path, n_rows: int) -> NDArray[np.float64]:
    with np.load(_existing(path), allow_pickle=False) as arrays:
        losses = np.asarray(arrays.get("valid", []), dtype=np.float64)
    if losses.ndim != 2 or losses.shape[0] != n_rows:
        raise SettingError(
            "path",
            str(path),
            expected=f"an array 'valid' with a row for each of {n_rows} configs, not shape {losses.shape}",
        )
    losses[~np.isfinite(losses)] = np.nan
    return losses


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise SettingError(
            "path", str(path), expected="a file that exists", hint=f"The tables come from {SOURCE}."
        )
    return path
