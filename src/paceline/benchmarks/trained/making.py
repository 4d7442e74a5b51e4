"""Tables are made on all cores, in parts that are kept: what is interrupted, by whatever, goes on where it was."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from paceline.benchmarks.trained.data import load_data
from paceline.benchmarks.trained.parts import all_parts, encoded, kept_parts, part_file, parts_of
from paceline.benchmarks.trained.recipe import Curve, Recipe, rows, space_file
from paceline.benchmarks.trained.shelf import file_of, recipes, tables_folder
from paceline.caches import write_whole
from paceline.settings import at_least

Progress = Callable[[str, int, int], None]
"""Is told a table's name, how many of its configs are trained, and how many there are."""


def make(
    *names: str,
    folder: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Make tables, one after the other; those that are there already are left as they are.

    Args:
        names: of tables, or patterns: `"mlp/*"`, `"*"`.
        folder: where to; by default in the user's cache, where `benchmark` looks for them.
        processes: cores; all by default. 1 trains in this process.
        progress: is told how far it is.

    Returns:
        Their files.

    Raises:
        SettingError: there is no such table, the folder cannot be written to, or scikit-learn is not installed.
    """
    chosen = list(dict.fromkeys(recipe for name in names for recipe in recipes(name)))
    place = tables_folder() if folder is None else Path(folder)
    if processes is None:
        processes = os.cpu_count() or 1
    at_least("processes", processes, 1)
    return [make_table(recipe, place, processes=processes, progress=progress) for recipe in chosen]


def make_table(recipe: Recipe, folder: Path, *, processes: int = 1, progress: Progress | None = None) -> Path:
    """Make the table of a recipe, unless it is there; its file.

    Args:
        recipe: of the table.
        folder: of all tables.
        processes: cores.
        progress: see `make`.

    Raises:
        SettingError: see `make`.
    """
    file = file_of(recipe, folder)
    if file.is_file():
        return file
    load_data(recipe.task)  # what is missing is missed before anything is written
    _write_shared(recipe, file.parent)
    curves = kept_parts(recipe, file)
    tell = _teller(recipe, progress)
    tell(curves)
    missing = [part for part in all_parts(recipe) if part not in curves]
    for part, its in _trained(recipe, missing, processes):
        write_whole(part_file(file, part), encoded(recipe, its))
        curves[part] = its
        tell(curves)
    write_whole(file, encoded(recipe, [curve for part in all_parts(recipe) for curve in curves[part]]))
    shutil.rmtree(parts_of(file), ignore_errors=True)
    return file


def _teller(recipe: Recipe, progress: Progress | None) -> Callable[[dict[range, list[Curve]]], None]:
    n_configs = len(rows(recipe))

    def tell(curves: dict[range, list[Curve]]) -> None:
        if progress is not None:
            progress(recipe.name, sum(map(len, curves)), n_configs)

    return tell


def _write_shared(recipe: Recipe, folder: Path) -> None:
    """What all tables of a family share. Every maker writes the same."""
    configs = io.BytesIO()
    np.save(configs, np.array([list(config.values()) for config in rows(recipe)], dtype=float))
    for name, content in (("space.json", space_file(recipe)), ("recipe.json", recipe.statement())):
        write_whole(folder / name, msgspec.json.format(msgspec.json.encode(content), indent=2))
    write_whole(folder / "configs.npy", configs.getvalue())


def _trained(recipe: Recipe, parts: Sequence[range], processes: int) -> Iterator[tuple[range, list[Curve]]]:
    """The parts with the curves of their rows, as they come."""
    if min(processes, len(parts)) <= 1:
        yield from (_one(recipe, part) for part in parts)
        return
    import joblib  # noqa: PLC0415 - comes with scikit-learn

    with joblib.parallel_config("loky", n_jobs=min(processes, len(parts)), inner_max_num_threads=1):
        yield from joblib.Parallel(return_as="generator_unordered", batch_size=1)(
            joblib.delayed(_one)(recipe, part) for part in parts
        )


def _one(recipe: Recipe, part: range) -> tuple[range, list[Curve]]:
    """One part, by one thread: where other cores train too, threads that wait for each other take longer."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn

    load_data(recipe.task)  # with the libraries whose threads are to be limited
    with threadpool_limits(1):
        return part, [recipe.train(row) for row in part]
