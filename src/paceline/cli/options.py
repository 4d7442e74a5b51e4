"""The options and arguments that commands share, and the checks of what is given for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

STORAGE_VARIABLE = "PACELINE_STORAGE"
DEFAULT_STORAGE = "sqlite:///paceline.db"


def at_least(least: int) -> Callable[[int | None], int | None]:
    """A check for options that are whole numbers."""

    def check(value: int | None) -> int | None:
        if value is not None and value < least:
            raise typer.BadParameter(f"got {value}; expected a whole number of at least {least}.")
        return value

    return check


def positive(value: float | None) -> float | None:
    """A check for options that are amounts, such as seconds.

    Raises:
        typer.BadParameter: it is not above 0, or not finite.
    """
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise typer.BadParameter(f"got {value:g}; expected a number above 0.")
    return value


def finite(value: float | None) -> float | None:
    """A check for options that are compared with metrics.

    Raises:
        typer.BadParameter: it is infinite or no number.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"got {value:g}; expected a finite number.")
    return value


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
    typer.Argument(metavar="[STUDY]", help="The study; may be left out if the storage holds just one.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="DIR", help="Where checkpoints are, if not beside the database.", show_default=False),
]

Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", callback=at_least(1), help="Jobs that run at once.", show_default=False),
]
MaxTrials = Annotated[
    int | None,
    typer.Option("--trials", metavar="N", callback=at_least(1), help="Budget: configs tried.", show_default=False),
]
MaxResource = Annotated[
    int | None,
    typer.Option("--resource", metavar="N", callback=at_least(1), help="Budget: units trained.", show_default=False),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option("--minutes", metavar="X", callback=positive, help="Budget: time of running.", show_default=False),
]
Target = Annotated[
    float | None,
    typer.Option("--target", metavar="X", callback=finite, help="Budget: done once the metric is this good.", show_default=False),
]
