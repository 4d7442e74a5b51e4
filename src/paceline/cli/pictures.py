"""The option `--picture`, and writing what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paceline.cli.files import check_file, write_file
from paceline.cli.misuse import Misuse
from paceline.cli.options import at_least
from paceline.pictures import FORMATS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = Annotated[
    Path | None,
    typer.Option(
        "--picture",
        metavar="FILE",
        help="Draw it too, as png, svg or pdf by the file's ending.",
        show_default=False,
    ),
]
OfTrial = Annotated[
    int | None,
    typer.Option("--trial", metavar="N", parser=at_least(0), help="Of this trial.", show_default=False),
]


def draw(output: Path, picture: Callable[[], Figure], *, is_forced: bool) -> None:
    """Write a picture to a file.

    Raises:
        Misuse: the file's ending says no format, it exists, or it cannot be written.
        SettingError: Matplotlib is not installed.
    """
    if output.suffix.removeprefix(".") not in FORMATS:
        raise Misuse(f"got {output} for the picture; expected a file that ends in .{', .'.join(FORMATS)}.")
    check_file(output, is_forced=is_forced)
    figure = picture()
    write_file(output, figure.savefig, is_forced=is_forced)
