"""Benchmarks by name, whether they are code, trained tables, or come from a folder of data: what command lines and other processes use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from paceline.benchmarks.base import Benchmark
from paceline.benchmarks.counting_ones import CountingOnes
from paceline.benchmarks.crossing import CrossingCurves
from paceline.benchmarks.folder import VARIABLE, Benchmarks, load
from paceline.benchmarks.pbt_toy import PBTToy
from paceline.benchmarks.trained.shelf import open_table, table_names
from paceline.errors import SettingError
from paceline.space.scalars import suggestion

CODE = (
    "counting_ones/4",
    "counting_ones/8",
    "counting_ones/16",
    "counting_ones/32",
    "crossing/64",
    "crossing/256",
    "pbt_toy/200",
)
"""Those that need no data; `counting_ones/N`, `crossing/R` and `pbt_toy/R` are there for any number."""


def names(pattern: str = "*", folder: str | os.PathLike[str] | None = None) -> list[str]:
    """The names that a pattern stands for: `lcbench/3945` is itself, `lcbench/*` all of a family, `*` all that there are.

    Args:
        pattern: a name, or a pattern with `*`, `?` and `[...]`.
        folder: of data; by default what the environment variable `PACELINE_DATA` names, if it does.

    Raises:
        SettingError: there is none.
    """
    if _coded(pattern) is not None:
        return [pattern]
    known = [*CODE, *table_names(), *(_loaded(folder) or ())]
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        without = (
            "" if _loaded(folder) is not None else f" (without a folder of data: set {VARIABLE}, or name it)"
        )
        raise SettingError(
            "benchmark",
            pattern,
            expected=f"a name or a pattern of what is there{suggestion(pattern, known)}{without}",
            hint="docs/benchmarks.md says where data come from.",
        )
    return found


def benchmark(name: str, folder: str | os.PathLike[str] | None = None) -> Benchmark:
    """The benchmark of a name.

    Args:
        name: `family/instance`.
        folder: see `names`.

    Raises:
        SettingError: there is none of this name, or its files are missing, or a table is not made yet.
    """
    if (coded := _coded(name)) is not None:
        make, argument = coded
        return make(argument)
    if name in table_names():
        return open_table(name)
    data = _loaded(folder)
    if data is None or name not in data:
        names(name, folder)  # says what is there
        raise SettingError("benchmark", name, expected="the name of one benchmark, not a pattern")
    return data[name]


_FAMILIES: Mapping[str, Callable[[int], Benchmark]] = {
    "counting_ones": CountingOnes,
    "crossing": CrossingCurves,
    "pbt_toy": PBTToy,
}


def _coded(name: str) -> tuple[Callable[[int], Benchmark], int] | None:
    """What makes a benchmark that needs no data, and with which number."""
    family, _, instance = name.partition("/")
    return (_FAMILIES[family], int(instance)) if family in _FAMILIES and instance.isdecimal() else None


def _loaded(folder: str | os.PathLike[str] | None) -> Benchmarks | None:
    """The folder's, or nothing where none is named; one that is named must be there."""
    named = folder or os.environ.get(VARIABLE)
    return _read(Path(named)) if named else None


@lru_cache(maxsize=8)
def _read(folder: Path) -> Benchmarks:
    return load(folder)
