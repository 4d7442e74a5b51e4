"""`paceline compare`: methods on benchmarks, in virtual time, on equal terms."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from paceline.benchmarks import names
from paceline.cli.files import Force, check_file, write_file
from paceline.cli.misuse import Misuse
from paceline.cli.options import AsJson, amount, at_least
from paceline.cli.output import Block, Facts, Table, answer
from paceline.comparison import METHODS, Comparison
from paceline.comparison import compare as compare_methods
from paceline.comparison.methods import assignment
from paceline.comparison.page import page
from paceline.comparison.results import Group
from paceline.comparison.running import Progress
from paceline.comparison.statistics import LEVEL
from paceline.comparison.table import as_csv, write_parquet


class Format(StrEnum):
    """Of the table."""

    CSV = "csv"
    PARQUET = "parquet"


def compare(
    methods: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="METHOD...",
            help="What to compare, such as asha, bohb or optuna-tpe; with settings: asha:reduction_factor=4. --list "
            "names all.",
            show_default=False,
        ),
    ] = None,
    *,
    benchmarks: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmark",
            "-b",
            metavar="NAME",
            help="Such as counting_ones/8 or 'lcbench/*'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", metavar="N", parser=at_least(2), help="Runs of each method on each benchmark."
        ),
    ] = 20,
    workers: Annotated[
        str,
        typer.Option(
            "--workers", metavar="N,N,...", help="Workers in virtual time, a group of runs for each."
        ),
    ] = "8",
    budget: Annotated[
        float,
        typer.Option(
            "--budget",
            metavar="X",
            parser=amount,
            help="Worker time, in full trainings: 30 is time(R) 30 times.",
        ),
    ] = 30.0,
    straggler_sd: Annotated[
        float | None,
        typer.Option(
            "--stragglers",
            metavar="X",
            parser=amount,
            help="σ of the factor 1 + |N(0, σ²)| of jobs' times.",
            show_default=False,
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="NAME=V,V,...",
            help="Each method that has this setting with these values too; may be repeated.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the table and the page go.")
    ] = Path("comparison"),
    format_: Annotated[Format, typer.Option("--format", help="Of the table.")] = Format.CSV,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="The folder of data. Default: PACELINE_DATA.", show_default=False
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Where results are kept. Default: the user's own.",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", metavar="N", parser=at_least(1), help="Cores. Default: all.", show_default=False
        ),
    ] = None,
    is_forced: Force = False,
    is_list: Annotated[
        bool, typer.Option("--list", help="Name all methods and benchmarks, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare methods on benchmarks, in virtual time and on equal terms.

    Writes one tidy table and a page for the browser. Results are kept by content: what is interrupted goes on where it
    was, and no run is made twice.
    """
    if is_list:
        _answer_list(data, as_json=as_json)
        return
    if not methods:
        raise Misuse("name at least one METHOD; paceline compare --list names all.")
    if not benchmarks:
        raise Misuse("name at least one --benchmark; paceline compare --list names all.")
    table_file, page_file = output / f"runs.{format_.value}", output / "page.html"
    _make_folder(output)
    for file in (table_file, page_file):
        check_file(file, is_forced=is_forced)
    found = compare_methods(
        methods,
        benchmarks,
        seeds=seeds,
        workers=_numbers(workers),
        budget=budget,
        straggler_sd=straggler_sd or 0.0,
        vary=_varied(vary or ()),
        data=data,
        cache=cache,
        processes=processes,
        progress=_progress(),
    )
    command = shlex.join(["paceline", *sys.argv[1:]])
    html = page(found, command=command).encode()
    write_file(page_file, _writer(html), is_forced=is_forced)
    if format_ is Format.CSV:
        csv = as_csv(found)
        write_file(table_file, _writer(csv), is_forced=is_forced)
    else:
        write_file(table_file, lambda path: write_parquet(found, path), is_forced=is_forced)
    answer(
        _document(found, [table_file, page_file]), _blocks(found, [table_file, page_file]), as_json=as_json
    )


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misuse(f"cannot make the folder {output}: {error.strerror or error}.") from error


def _writer(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def _numbers(text: str) -> list[int]:
    read = at_least(1)
    return [read(part) for part in text.split(",")]


def _varied(options: list[str] | tuple[str, ...]) -> dict[str, list[str]]:
    return dict(assignment(option, "--vary") for option in options)


def _progress() -> Progress:
    """On a terminal a line that is renewed, in a log one for every tenth."""
    is_terminal = sys.stderr.isatty()
    told = -1

    def show(n_done: int, n_cached: int, n_all: int) -> None:
        nonlocal told
        tenth = 10 * n_done // n_all
        if is_terminal:
            end = "\n" if n_done == n_all else ""
            sys.stderr.write(f"\r{n_done} of {n_all} runs, {n_cached} of them were there before {end}")
            sys.stderr.flush()
        elif tenth != told:
            told = tenth
            sys.stderr.write(f"{n_done} of {n_all} runs, {n_cached} of them were there before\n")

    return show


def _answer_list(data: Path | None, *, as_json: bool) -> None:
    found = {"methods": list(METHODS), "benchmarks": names("*", data)}
    tables = [Table((title[:-1],), [(name,) for name in listed]) for title, listed in found.items()]
    answer(found, tables, as_json=as_json)


def _document(found: Comparison, files: list[Path]) -> dict[str, Any]:
    return {
        "files": [str(file) for file in files],
        "measured": found.measured,
        "cached": found.cached,
        "groups": [_group(group) for group in found.groups],
    }


def _group(group: Group) -> dict[str, Any]:
    by_time, by_resource, spent = group.overall("time"), group.overall("resource"), group.spent()
    ranks = group.ranks().average
    return {
        "terms": group.terms,
        "seeds": group.seeds,
        "benchmarks": group.tasks,
        "methods": [
            {
                "method": method,
                "regret_by_time": by_time[i],
                "regret_by_resource": by_resource[i],
                "rank": ranks[i],
                "resource": spent[i],
            }
            for i, method in enumerate(group.methods)
        ],
        "pairs": group.pairs(level=LEVEL),
    }


def _blocks(found: Comparison, files: list[Path]) -> list[Block]:
    blocks: list[Block] = []
    for group in found.groups:
        its = _group(group)
        rows = [
            (
                it["method"],
                *(
                    _rounded(figure)
                    for estimate in (it["regret_by_time"], it["regret_by_resource"])
                    for figure in (estimate.value, estimate.low, estimate.high)
                ),
                round(it["rank"], 2),
                round(it["resource"], 1),
            )
            for it in sorted(its["methods"], key=lambda it: it["regret_by_time"].value)
        ]
        title = (
            f"Mean regret, {group.terms.workers} workers, {len(group.tasks)} benchmarks, {len(group.seeds)} seeds: after "
            f"{group.terms.budget:g} full trainings of worker time, and of resource"
        )
        header = ("method", "time", "low", "high", "resource", "low", "high", "rank", "spent, in R")
        blocks.append(Table(header, rows, title=title))
    facts = [("runs", f"{found.measured} made now, {found.cached} there before")]
    facts += [("page" if file.suffix == ".html" else "table", str(file)) for file in files]
    return [*blocks, Facts(facts)]


def _rounded(figure: float) -> float:
    return float(f"{figure:.4g}")
