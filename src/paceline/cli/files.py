"""Files that a command writes: all of the old one or all of the new one, and none overwritten by mistake."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.misuse import Misuse

Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]


def check_file(output: Path, *, is_forced: bool) -> None:
    """Refuse a file before anything is done for it.

    Raises:
        Misuse: it exists already, or its folder does not.
    """
    if output.exists() and not is_forced:
        raise Misuse(f"{output} exists; name another file, or overwrite it with --force.")
    if not output.parent.is_dir():
        raise Misuse(f"the folder {output.parent} does not exist; create it first.")


def write_file(output: Path, write: Callable[[Path], None], *, is_forced: bool) -> None:
    """Write beside the file and rename: whoever reads it sees all of the old one or all of the new one.

    Args:
        output: the file.
        write: writes what belongs into it to the path that it is given, which has the same ending.
        is_forced: whether it may exist.

    Raises:
        Misuse: it cannot be written.
    """
    part = output.with_name(f".{output.stem}.{os.getpid()}.partial{output.suffix}")
    try:
        write(part)
        check_file(output, is_forced=is_forced)  # somebody may have made it meanwhile
        part.replace(output)
    except OSError as error:
        raise Misuse(f"cannot write {output}: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
