"""How an answer is shown: rich tables on a terminal, tab-separated lines in a pipe, JSON for programs.

A command makes two things of what it found: a document for programs, and blocks for people. In a pipe numbers keep all
their digits and nothing has colours or boxes, so that `cut`, `sort` and a spreadsheet can read it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import msgspec

from paceline.wording import number

if TYPE_CHECKING:
    from rich.console import RenderableType

Cell = str | int | float | bool | None


class Facts(msgspec.Struct, frozen=True):
    """Names and their values, one pair a line."""

    pairs: Sequence[tuple[str, Cell]]


class Table(msgspec.Struct, frozen=True):
    """Rows under named columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""


class Note(msgspec.Struct, frozen=True):
    """A sentence."""

    text: str


Block = Facts | Table | Note


def answer(document: object, blocks: Sequence[Block], *, as_json: bool) -> None:
    """Print one answer, in the form that suits whoever reads it."""
    if as_json:
        print_json(document)
    elif sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal

        console = Console(markup=False, emoji=False, highlight=False)
        for block in blocks:
            console.print(drawn(block))
    else:
        sys.stdout.write(plain(blocks))


def print_json(document: object) -> None:
    """Print one JSON document; what is not finite becomes null."""
    encoded = msgspec.json.encode(document, enc_hook=_encode)
    print(msgspec.json.format(encoded, indent=2).decode())  # noqa: T201 - this is its purpose


def plain(blocks: Sequence[Block]) -> str:
    """Blocks as lines for a pipe, an empty line between two of them."""
    return "\n".join("".join(f"{line}\n" for line in _lines(block)) for block in blocks)


def drawn(block: Block) -> RenderableType:
    """A block for a terminal."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table as Grid  # noqa: PLC0415

    match block:
        case Note():
            return block.text
        case Facts():
            grid = Grid.grid(padding=(0, 2))
            grid.add_column(style="bold")
            for name, value in block.pairs:
                grid.add_row(name, _short(value))
            return grid
        case Table():
            table = Grid(title=block.title or None, box=box.SIMPLE_HEAD, title_justify="left")
            for i, name in enumerate(block.columns):
                is_numeric = all(isinstance(row[i], int | float | None) for row in block.rows)
                table.add_column(name, justify="right" if is_numeric else "left", overflow="fold")
            for row in block.rows:
                table.add_row(*map(_short, row))
            return table
        case _:
            assert_never(block)


def _lines(block: Block) -> list[str]:
    match block:
        case Note():
            return [block.text]
        case Facts():
            return [f"{name}\t{_exact(value)}" for name, value in block.pairs]
        case Table():
            title = [block.title] if block.title else []
            return [*title, "\t".join(block.columns), *("\t".join(map(_exact, row)) for row in block.rows)]
        case _:
            assert_never(block)


def _short(cell: Cell) -> str:
    if cell is None:
        return "-"
    return number(cell) if isinstance(cell, float) else str(cell)


def _exact(cell: Cell) -> str:
    """One field of a line: a tab or line break in a value would make two of it."""
    if cell is None:
        return ""
    return str(cell).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _encode(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")
