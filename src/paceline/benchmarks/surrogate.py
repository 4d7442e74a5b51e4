"""Networks that were fitted to the curves of real training: the surrogates of YAHPO Gym (docs/benchmarks.md).

A family is a folder as YAHPO's data repository has it: `model.onnx` (the network), `config_space.json` (the space) and
`encoding.json` (the numbers that stand for words). What the network's columns mean is not written in those files; it is
in `families`. ONNX Runtime, an extra, runs the network; it is imported when the first curve is asked for.

Hyperparameters that are inactive must be absent: given a value for one, the network answers nonsense (accuracy 1). So
each config is validated before it goes in.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.base import LEAST_SECONDS, CurveBenchmark, file_hash
from paceline.benchmarks.families import FAMILIES
from paceline.errors import SettingError
from paceline.events import Config
from paceline.space import Space
from paceline.space.scalars import suggestion

SOURCE = "the YAHPO Gym data repository, https://github.com/slds-lmu/yahpo_data"


class Network(Protocol):
    """A network that runs: of n rows, words as numbers and numbers in, all targets out."""

    def __call__(self, x_cat: NDArray[np.int32], x_cont: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs, shape (n, targets)."""
        ...


class _Files(msgspec.Struct, frozen=True):
    """What a family's folder holds, the network aside."""

    space: Space
    codes: dict[str, dict[str, int]]


class Surrogate(CurveBenchmark):
    """One data set of a family.

    Losses are error rates. A prediction that is not finite is a failed training; as a time, it is `full_seconds`.
    Where training does not resume, seconds are those of one fit, made to not fall over the grid 1, 3, 9, 27.

    Args:
        folder: the family's: `model.onnx`, `config_space.json`, `encoding.json`.
        instance: the data set, as `encoding.json` names it.
        best: the lowest loss known.
        median: of the losses of random configs.
        full_seconds: the mean time of a full training.
        family: a name in `FAMILIES`; by default the folder's.
        min_resource: by default the family's.
        network: what to run instead of `model.onnx`.

    Raises:
        SettingError: the folder, the family or the instance is none, or ONNX Runtime is missing (when a curve is asked
            for).
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        instance: str,
        *,
        best: float,
        median: float,
        full_seconds: float,
        family: str | None = None,
        min_resource: int | None = None,
        network: Network | None = None,
    ) -> None:
        self._folder = Path(folder).resolve()
        self.family = self._folder.name if family is None else family
        if self.family not in FAMILIES:
            raise SettingError("family", self.family, expected="one of " + ", ".join(map(repr, FAMILIES)))
        self._columns = columns = FAMILIES[self.family]
        files = _read(self._folder, self.family)
        instances = {name: code for name, code in files.codes[columns.instance].items() if code}
        if instance not in instances:
            raise SettingError(
                "instance",
                instance,
                expected=f"a data set of {self.family}{suggestion(instance, instances)}",
            )
        resource = columns.resource
        self.name = f"{self.family}/{instance}"
        self.space = files.space
        self.min_resource = resource.minimum if min_resource is None else min_resource
        self.max_resource = resource.maximum
        self.unit = resource.unit
        self.resumes = resource.resumes
        self.full_seconds = full_seconds
        self.best = best
        self.median = median
        self.worst = 1.0
        self._codes = files.codes
        self._instance = instances[instance]
        self._network = network
        self._fidelity = columns.numbers.index(resource.column)
        self._loss = columns.targets.index(columns.loss)
        self._time = columns.targets.index(columns.time)
        on_grid = {unit for piece in resource.pieces for unit in piece}
        between = [unit for unit in range(1, self.max_resource + 1) if unit not in on_grid]
        self._fidelities = {
            piece: np.array(piece, dtype=np.float64) * resource.per_unit
            for piece in (*resource.pieces, tuple(between))
        }
        super().__init__(*resource.pieces, between=between)

    def content(self) -> Sequence[str]:
        """The files, unless the network was given."""
        return [
            file_hash(path)
            for name in ("model.onnx", "config_space.json", "encoding.json")
            if (path := self._folder / name).is_file()
        ]

    def prepare(self, config: Config) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """See `CurveBenchmark.prepare`: the network's two inputs, the resource aside; 0 stands for what is absent."""
        config = self.space.validate(config)
        codes = [
            self._codes[name][str(config[name])] if name in config else 0 for name in self._columns.words
        ]
        known = {**dict(self._columns.fixed), **config}
        numbers = [known.get(name, 0.0) for name in self._columns.numbers]
        return np.array([self._instance, *codes], dtype=np.int32), np.array(numbers, dtype=np.float32)

    def compute(
        self, prepared: tuple[NDArray[np.int32], NDArray[np.float32]], resources: tuple[int, ...]
    ) -> tuple[list[float], list[float]]:
        """See `CurveBenchmark.compute`: one call of the network."""
        words, numbers = prepared
        n_rows = len(resources)
        x_cat = np.empty((n_rows, len(words)), dtype=np.int32)
        x_cat[:] = words
        x_cont = np.empty((n_rows, len(numbers)), dtype=np.float32)
        x_cont[:] = numbers
        x_cont[:, self._fidelity] = self._fidelities[resources]
        run = _network(self._folder) if self._network is None else self._network
        targets = run(x_cat, x_cont)
        if targets.shape != (n_rows, len(self._columns.targets)):
            raise SettingError(
                "folder",
                str(self._folder),
                expected=f"a network with {len(self._columns.targets)} targets, not {targets.shape[1:]}",
            )
        offset, factor = self._columns.offset, self._columns.factor
        losses = [offset + factor * target for target in targets[:, self._loss].tolist()]
        seconds = targets[:, self._time].tolist()
        return (
            [loss if math.isfinite(loss) else math.nan for loss in losses],
            [max(it, LEAST_SECONDS) if math.isfinite(it) else self.full_seconds for it in seconds],
        )


@cache
def _read(folder: Path, family: str) -> _Files:
    """The space and the codes, read once for all instances."""
    columns = FAMILIES[family]
    missing = [
        name for name in ("model.onnx", "config_space.json", "encoding.json") if not (folder / name).is_file()
    ]
    if missing:
        raise SettingError(
            "folder",
            str(folder),
            expected=f"a folder with {', '.join(missing)}",
            hint=f"It comes from {SOURCE}.",
        )
    whole = Space.from_configspace(folder / "config_space.json")
    not_searched = {columns.instance, columns.resource.column, *dict(columns.fixed)}
    domains = {name: domain for name, domain in whole.domains.items() if name not in not_searched}
    inputs = {*columns.words, *columns.numbers} - not_searched
    if inputs != set(domains):
        differences = sorted(inputs ^ set(domains))
        raise SettingError(
            "folder", str(folder), expected=f"the hyperparameters of {family}; it differs in {differences}"
        )
    try:
        codes = msgspec.json.decode((folder / "encoding.json").read_bytes(), type=dict[str, dict[str, int]])
    except msgspec.MsgspecError as error:
        raise SettingError(
            "folder", str(folder), expected="numbers by word in encoding.json", hint=f"{error}."
        ) from error
    if uncoded := {columns.instance, *columns.words} - set(codes):
        raise SettingError("folder", str(folder), expected=f"{sorted(uncoded)} in encoding.json")
    return _Files(Space(domains, whole.constraints), codes)


@cache
def _network(folder: Path) -> Network:
    """The network of a folder, on one thread; shared by all instances."""
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "benchmark",
            folder.name,
            expected="ONNX Runtime to be installed",
            hint="Run: pip install 'paceline[benchmarks]'.",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its classes of errors have no common base
        raise SettingError(
            "folder",
            str(folder),
            expected="a network in model.onnx",
            hint=f"{error}. If it is a text of three lines, fetch the file itself by Git LFS.",
        ) from error

    def run(x_cat: NDArray[np.int32], x_cont: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = session.run(None, {"x_cat": x_cat, "x_cont": x_cont})[0]
        return outputs

    return run
