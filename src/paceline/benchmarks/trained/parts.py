"""What is in a table's file, and in the files of its parts: `valid`, `test`, `seconds` by row and column, and `resources`.

A part is named by its first row. One that cannot be read, or is of another size, is as good as none.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from paceline.benchmarks.trained.recipe import Curve, Recipe, rows


def parts_of(file: Path) -> Path:
    """The folder where the parts of a table are while it is being made."""
    return file.with_suffix(".parts")


def part_file(file: Path, part: range) -> Path:
    """The file of a part of a table."""
    return parts_of(file) / f"{part.start:06d}.npz"


def all_parts(recipe: Recipe) -> list[range]:
    """The rows of each part."""
    n = len(rows(recipe))
    return [range(first, min(first + recipe.part, n)) for first in range(0, n, recipe.part)]


def kept_parts(recipe: Recipe, file: Path) -> dict[range, list[Curve]]:
    """The parts that are there, each with the curves of its rows."""
    found = {part: _read(recipe, part_file(file, part), len(part)) for part in all_parts(recipe)}
    return {part: curves for part, curves in found.items() if curves is not None}


def encoded(recipe: Recipe, curves: Sequence[Curve]) -> bytes:
    """Curves as a file. Equal ones are equal files, so that a table's fingerprint tells whether it is the same."""
    arrays = {name: np.array([getattr(curve, name) for curve in curves]) for name in Curve._fields}
    data = io.BytesIO()
    np.savez_compressed(data, allow_pickle=False, resources=np.array(recipe.resources), **arrays)
    return data.getvalue()


def _read(recipe: Recipe, path: Path, n_rows: int) -> list[Curve] | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            columns = [arrays[name] for name in Curve._fields]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    if any(column.shape != (n_rows, len(recipe.resources)) for column in columns):
        return None
    return [Curve(*row) for row in zip(*columns, strict=True)]
