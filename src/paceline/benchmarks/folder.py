"""All benchmarks of a folder of data.

The folder has `manifest.json`, which lists the tasks to use; `references.json`, which says what is known of each; and
the files of each family in a folder of the family's name. Tasks of kinds that cannot be read are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from paceline.benchmarks import grid, lcdb, surrogate, table
from paceline.benchmarks.base import Benchmark
from paceline.errors import SettingError
from paceline.space.scalars import suggestion

VARIABLE = "PACELINE_DATA"
"""The environment variable that names the folder."""

_OF_A_FILE: Mapping[str, Callable[[Path], Benchmark]] = {
    "taskset": table.Table.taskset,
    "table": table.Table,
    "grid": grid.GridTable,
    "lcdb": lcdb.LearnerCurves,
}
"""Kinds of tasks that are a file."""
_KINDS = {"surrogate", *_OF_A_FILE}

_T = TypeVar("_T")


class _Task(msgspec.Struct, frozen=True):
    """An entry of the manifest."""

    name: str
    kind: str
    folder: str = ""
    instance: str = ""
    file: str = ""


class _Manifest(msgspec.Struct, frozen=True):
    """`manifest.json`."""

    tasks: list[_Task]


class _Seconds(msgspec.Struct, frozen=True):
    """Of full trainings of random configs."""

    mean: float


class _Reference(msgspec.Struct, frozen=True):
    """What is known of a surrogate's task."""

    best: float
    median_random: float
    seconds_full: _Seconds


def load(folder: str | os.PathLike[str] | None = None) -> Benchmarks:
    """The benchmarks of a folder, by name; each is read when it is asked for.

    Args:
        folder: of the data; by default what the environment variable `PACELINE_DATA` names.

    Raises:
        SettingError: no folder is named, or a file is missing or does not hold what it should.
    """
    if folder is None:
        folder = os.environ.get(VARIABLE)
    if not folder:
        raise SettingError("folder", folder, expected="the path of a folder of data", hint=_hint())
    return Benchmarks(Path(folder))


class Benchmarks(Mapping[str, Benchmark]):
    """See `load`.

    Args:
        folder: of the data.

    Raises:
        SettingError: a list is missing or does not hold what it should.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = _decode(folder, "manifest.json", _Manifest)
        self._tasks = {task.name: task for task in manifest.tasks if task.kind in _KINDS}
        self._references = _decode(folder, "references.json", dict[str, msgspec.Raw])
        self._made: dict[str, Benchmark] = {}

    def __getitem__(self, name: str) -> Benchmark:
        if name not in self._tasks:
            raise KeyError(f"{name!r} is no benchmark of {self.folder}{suggestion(name, self._tasks)}")
        if name not in self._made:
            self._made[name] = self._make(self._tasks[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, name: object) -> bool:
        return name in self._tasks

    def names(self, family: str | None = None) -> list[str]:
        """The names of all benchmarks, or of a family's."""
        return [name for name in self._tasks if family is None or name.split("/")[0] == family]

    def _make(self, task: _Task) -> Benchmark:
        if task.kind in _OF_A_FILE:
            return _OF_A_FILE[task.kind](self.folder / task.file)
        reference = self._reference(task.name)
        return surrogate.Surrogate(
            self.folder / task.folder,
            task.instance,
            best=reference.best,
            median=reference.median_random,
            full_seconds=reference.seconds_full.mean,
        )

    def _reference(self, name: str) -> _Reference:
        raw = self._references.get(name)
        if raw is None:
            raise SettingError("folder", str(self.folder), expected=f"{name!r} in references.json")
        try:
            return msgspec.json.decode(raw, type=_Reference)
        except msgspec.MsgspecError as error:
            raise _unreadable(self.folder, f"references.json, {name!r}", error) from error


def _decode(folder: Path, file: str, kind: type[_T]) -> _T:
    path = folder / file
    if not path.is_file():
        raise SettingError("folder", str(folder), expected=f"a folder with {file}", hint=_hint())
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise _unreadable(folder, file, error) from error


def _unreadable(folder: Path, what: str, error: Exception) -> SettingError:
    return SettingError("folder", str(folder), expected=f"another content of {what}: {error}")


def _hint() -> str:
    return (
        f"Give load() a folder, or set {VARIABLE}. Surrogates come from {surrogate.SOURCE}; tables from {table.SOURCE}; "
        f"grids from {grid.SOURCE}; curves of learners from {lcdb.SOURCE}; docs/benchmarks.md says how the folder is laid out."
    )
