"""The options and arguments that commands share, and readers of what is given for them.

Readers, rather than types, so that every message says what came, what was expected, and where.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

STORAGE_VARIABLE = "PACELINE_STORAGE"
DEFAULT_STORAGE = "sqlite:///paceline.db"


def default_storage() -> str:
    """What is meant where nothing names a storage, for the commands whose file may name one."""
    return os.environ.get(STORAGE_VARIABLE) or DEFAULT_STORAGE


def at_least(least: int) -> Callable[[str], int]:
    """A reader of options that are whole numbers."""

    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise typer.BadParameter(f"got {text}; expected a whole number of at least {least}.")
        return value

    return whole_number


def amount(text: str) -> float:
    """A reader of options that are amounts, such as seconds.

    Raises:
        typer.BadParameter: it is no number above 0.
    """
    value = _number(text)
    if not (value > 0 and math.isfinite(value)):
        raise typer.BadParameter(f"got {text}; expected a number above 0.")
    return value


def share(text: str) -> float:
    """A reader of options that are a part of a whole.

    Raises:
        typer.BadParameter: it is none.
    """
    value = _number(text)
    if not 0.01 <= value <= 0.99:
        raise typer.BadParameter(f"got {text}; expected a share from 0.01 to 0.99, such as 0.1 for a tenth.")
    return value


def finite(text: str) -> float:
    """A reader of options that are compared with metrics.

    Raises:
        typer.BadParameter: it is no finite number.
    """
    value = _number(text)
    if not math.isfinite(value):
        raise typer.BadParameter(f"got {text}; expected a finite number.")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


StorageUrl = Annotated[
    str,
    typer.Option(
        "--storage",
        envvar=STORAGE_VARIABLE,
        metavar="URL",
        help="Database URL, or a path that ends in .db.",
    ),
]
StudyName = Annotated[
    str | None,
    typer.Argument(
        metavar="[STUDY]",
        help="The study; may be left out if the storage holds just one.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        metavar="DIR",
        help="Where checkpoints are, if not beside the database.",
        show_default=False,
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", parser=at_least(1), help="Jobs that run at once.", show_default=False
    ),
]
MaxTrials = Annotated[
    int | None,
    typer.Option(
        "--trials", metavar="N", parser=at_least(1), help="Budget: configs tried.", show_default=False
    ),
]
MaxResource = Annotated[
    int | None,
    typer.Option(
        "--resource", metavar="N", parser=at_least(1), help="Budget: units trained.", show_default=False
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        "--minutes", metavar="X", parser=amount, help="Budget: time of running.", show_default=False
    ),
]
Target = Annotated[
    float | None,
    typer.Option(
        "--target",
        metavar="X",
        parser=finite,
        help="Budget: done once the metric is this good.",
        show_default=False,
    ),
]
