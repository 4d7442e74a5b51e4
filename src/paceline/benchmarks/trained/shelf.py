"""Which tables there are, where each is kept, and how far it is made.

    <cache>/tables/<family>-<stamp>/<family>/   `space.json`, `configs.npy`, `recipe.json`, and of each table
                                                `<task>.npz`, or `<task>.parts/` while it is being made

`recipe.json` is what the stamp is a hash of. A changed recipe has another stamp, and so another folder: no table is taken
for one of another recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

import msgspec

from paceline.benchmarks.base import Benchmark
from paceline.benchmarks.table import Table
from paceline.benchmarks.trained.mlp import MLP
from paceline.benchmarks.trained.parts import kept_parts, parts_of
from paceline.benchmarks.trained.recipe import Recipe, rows
from paceline.benchmarks.trained.svm import SVM
from paceline.caches import cache_folder
from paceline.errors import SettingError
from paceline.space.scalars import suggestion

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            MLP("wine", minutes=1),
            MLP("diabetes", minutes=1),
            MLP("breast_cancer", minutes=2),
            SVM("digits", minutes=3),
            MLP("digits", minutes=7),
        )
    }
)
"""The recipes of all tables, by their names, the quickest first."""


class TableState(msgspec.Struct, frozen=True):
    """How far a table is made.

    Args:
        name: of the table.
        configs: its rows.
        trained: how many of them are trained.
        bytes: on disk.
        minutes: that making all of it takes about, on two cores that have nothing else to do.
        file: where it is, or will be.
    """

    name: str
    configs: int
    trained: int
    bytes: int
    minutes: float
    file: Path

    @property
    def is_made(self) -> bool:
        """Whether it can be used."""
        return self.file.is_file()


def table_names() -> list[str]:
    """The names of all tables, whether they are made or not."""
    return list(RECIPES)


def recipes(pattern: str) -> list[Recipe]:
    """The recipes of the tables that a name or a pattern stands for.

    Raises:
        SettingError: there is none.
    """
    found = [recipe for name, recipe in RECIPES.items() if fnmatchcase(name, pattern)]
    if not found:
        raise SettingError(
            "table",
            pattern,
            expected=f"the name of a table, or a pattern of names{suggestion(pattern, RECIPES)}",
            hint=f"There are {', '.join(RECIPES)}.",
        )
    return found


def tables_folder() -> Path:
    """Where tables are kept."""
    return cache_folder() / "tables"


def file_of(recipe: Recipe, folder: Path) -> Path:
    """The table's file.

    Raises:
        SettingError: scikit-learn is not installed.
    """
    return folder / f"{recipe.family}-{recipe.stamp()}" / recipe.family / f"{recipe.task}.npz"


def state(recipe: Recipe, folder: Path | None = None) -> TableState:
    """How far a table is made.

    Raises:
        SettingError: scikit-learn is not installed.
    """
    file = file_of(recipe, tables_folder() if folder is None else folder)
    n_configs = len(rows(recipe))
    if file.is_file():
        n_trained, files = n_configs, [file]
    else:
        n_trained = sum(map(len, kept_parts(recipe, file)))
        files = list(parts_of(file).glob("*.npz"))
    n_bytes = sum(it.stat().st_size for it in files)
    return TableState(recipe.name, n_configs, n_trained, n_bytes, recipe.minutes, file)


def open_table(name: str) -> Benchmark:
    """The benchmark of a table.

    Raises:
        SettingError: there is no such table, it is not made yet, or scikit-learn is not installed.
    """
    [recipe] = recipes(name)
    file = file_of(recipe, tables_folder())
    if not file.is_file():
        raise SettingError(
            "benchmark",
            name,
            expected="a table that has been made",
            hint=f"Run: paceline tables {name}. It trains {len(rows(recipe))} configs, once; minutes on two cores, about: "
            f"{recipe.minutes:g}.",
        )
    return Table(file)
