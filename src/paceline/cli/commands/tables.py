"""`paceline tables`: the benchmarks that are trained on this machine, once."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import msgspec
import typer

from paceline.benchmarks.trained import TableState, make, state
from paceline.benchmarks.trained.making import Progress
from paceline.benchmarks.trained.shelf import recipes, tables_folder
from paceline.cli.misuse import Misuse
from paceline.cli.options import AsJson, at_least
from paceline.cli.output import Block, Facts, Table, answer
from paceline.wording import number, size


def tables(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="What to make, such as mlp/wine or 'mlp/*'. Without any, nothing is made.",
            show_default=False,
        ),
    ] = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Make all of them.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", metavar="N", parser=at_least(1), help="Cores. Default: all.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the benchmarks that are trained on this machine, or make them.

    Each is made once and kept. What is interrupted goes on where it was.
    """
    if names and is_all:
        raise Misuse("name tables, or give --all, not both.")
    patterns = ["*"] if is_all else names or []
    if processes is not None and not patterns:
        raise Misuse("--processes is for making tables: name some, or give --all.")
    chosen = {recipe.name for pattern in patterns for recipe in recipes(pattern)}
    make(*patterns, processes=processes, progress=_progress())
    found = [state(recipe) for recipe in recipes("*") if not chosen or recipe.name in chosen]
    answer(_document(found), _blocks(found), as_json=as_json)


def _document(found: list[TableState]) -> dict[str, Any]:
    tables = [{**msgspec.structs.asdict(it), "state": _word(it)} for it in found]
    return {"folder": tables_folder(), "outdated_bytes": _outdated_bytes(), "tables": tables}


def _blocks(found: list[TableState]) -> list[Block]:
    header = ("table", "state", "configs", "trained", "minutes", "size", "file")
    rows = [
        (it.name, _word(it), it.configs, it.trained, it.minutes, size(it.bytes), str(it.file)) for it in found
    ]
    facts = [("folder", str(tables_folder())), ("outdated", size(_outdated_bytes()))]
    return [Table(header, rows), Facts(facts)]


def _word(it: TableState) -> str:
    if it.is_made:
        return "made"
    return "begun" if it.trained else "not made"


def _outdated_bytes() -> int:
    """What other recipes and other versions of the libraries have left: it may be deleted."""
    current = {state(recipe).file.parents[1] for recipe in recipes("*")}
    folders = [folder for folder in tables_folder().glob("*") if folder not in current]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _progress() -> Progress:
    """On a terminal a line that is renewed, in a log one for every tenth of a table; with the minutes left, by its pace."""
    is_terminal = sys.stderr.isatty()
    told: tuple[str, int] | None = None
    begun: dict[str, tuple[float, int]] = {}

    def show(name: str, n_done: int, n_all: int) -> None:
        nonlocal told
        start, n_before = begun.setdefault(name, (time.monotonic(), n_done))
        line = f"{name}: {n_done} of {n_all} configs are trained"
        if n_before < n_done < n_all:
            minutes = (time.monotonic() - start) / 60 * (n_all - n_done) / (n_done - n_before)
            line += f", {number(round(minutes, 1))} minutes to go"
        place = (name, 10 * n_done // n_all)
        if is_terminal:
            sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if n_done == n_all else ""))
            sys.stderr.flush()
        elif place != told:
            sys.stderr.write(f"{line}\n")
        told = place

    return show
