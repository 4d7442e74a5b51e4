"""What the check of a claim yields, and the arithmetic beneath it: seeds in parallel, intervals, tables.

A claim is a function `Lab → Finding`. It measures cells (settings) over seeds with `Lab.measure`, condenses them to
`Estimate`s, and states `Verdict`s: measured, required, whether it holds. `main` measures a script's claims and prints them.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import StringIO
from itertools import product, starmap
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

C = TypeVar("C", bound=Hashable)
T = TypeVar("T")

Statistic = Callable[[np.ndarray], np.ndarray]
"""Of samples, over their last axis."""

RESAMPLES = 2000


class Lab:
    """Where claims are measured: how thoroughly, and on how many cores. Its results depend on neither cores nor order.

    Args:
        quick: measure few seeds and the corners of large grids.
        processes: 1 measures in this process.
    """

    def __init__(self, *, quick: bool = False, processes: int = 1) -> None:
        self.quick = quick
        self.processes = processes
        self._pool = ProcessPoolExecutor(processes) if processes > 1 else None
        self._known: dict[tuple[Any, Hashable, int], Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @property
    def is_decisive(self) -> bool:
        """Whether there are seeds enough to judge by means. What must hold for each seed is decided either way."""
        return not self.quick

    def choose(self, full: T, quick: T) -> T:
        """One of two, by how thorough this lab is."""
        return quick if self.quick else full

    def measure(self, trial: Callable[[C, int], T], cells: Iterable[C], seeds: int) -> dict[C, list[T]]:
        """`trial(cell, seed)` for each cell and the same seeds 0, 1, ... in each: comparisons are paired.

        What has been measured before, for another claim, is not measured again.

        Args:
            trial: a function that other processes can import.
            cells: settings.
            seeds: how many.
        """
        cells = list(dict.fromkeys(cells))
        tasks = [task for task in product(cells, range(seeds)) if (trial, *task) not in self._known]
        if self._pool is None:
            results: Iterable[T] = starmap(trial, tasks)
        else:
            results = self._pool.map(partial(_starred, trial), tasks)
        self._known |= {(trial, *task): result for task, result in zip(tasks, results, strict=True)}
        return {cell: [self._known[trial, cell, seed] for seed in range(seeds)] for cell in cells}


def _starred(trial: Callable[[C, int], T], task: tuple[C, int]) -> T:
    return trial(*task)


# Estimates -----------------------------------------------------------------------------------------------------


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % bootstrap interval.

    Args:
        value: of the statistic.
        low: 2.5 % quantile over resampled seeds.
        high: 97.5 % quantile.
        n: seeds that had a value.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.brief} (n={self.n})" if self.n else "none"

    @property
    def brief(self) -> str:
        """Without the number of seeds."""
        if self.low == self.high:
            return number(self.value)
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"


def number(value: float) -> str:
    """Four digits at most, never an exponent."""
    if not math.isfinite(value):
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def estimate(statistic: Callable[..., np.ndarray], *samples: Sequence[float]) -> Estimate:
    """A statistic of paired samples, one value a seed, and its interval: seeds are resampled, pairs stay together.

    Args:
        statistic: of arrays whose last axis is seeds.
        samples: of equal length; NaN where a seed had no value.
    """
    data = [np.asarray(sample, dtype=float) for sample in samples]
    n_valid = int(min(np.isfinite(sample).sum() for sample in data))
    if not n_valid:
        return Estimate(math.nan, math.nan, math.nan, 0)
    seeds = np.random.default_rng(0).integers(len(data[0]), size=(RESAMPLES, len(data[0])))
    resampled = statistic(*(sample[seeds] for sample in data))
    low, high = np.quantile(resampled[np.isfinite(resampled)], [0.025, 0.975])
    return Estimate(float(statistic(*data)), float(low), float(high), n_valid)


def mean(sample: np.ndarray) -> np.ndarray:
    """Of the seeds that have a value."""
    has_value = np.isfinite(sample)
    with np.errstate(invalid="ignore"):  # 0/0: nobody has one
        return np.asarray(np.where(has_value, sample, 0.0).sum(-1) / has_value.sum(-1))


def median(sample: np.ndarray) -> np.ndarray:
    """Of all seeds; one that did not get there has +inf."""
    return np.asarray(np.median(sample, axis=-1))


def ratio(of: Statistic) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The statistic of the first sample over that of the second."""

    def statistic(above: np.ndarray, below: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return of(above) / of(below)

    return statistic


# Findings ------------------------------------------------------------------------------------------------------


class Verdict(msgspec.Struct, frozen=True):
    """One line of the table.

    Args:
        claim: in words.
        source: who says so.
        measured: with interval and number of seeds.
        required: for it to hold.
        holds: whether the figure measured is within what is required.
        must_hold: whether the run fails with it; `False` where it is known to fail (why: docs/claims.md), and for means
            of too few seeds.
    """

    claim: str
    source: str
    measured: str
    required: str
    holds: bool
    must_hold: bool = True


class Table(msgspec.Struct, frozen=True):
    """Figures behind verdicts."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Finding(msgspec.Struct, frozen=True):
    """What the check of a claim yields."""

    verdicts: list[Verdict]
    tables: list[Table] = []


VERDICTS = ("claim", "source", "measured", "required", "verdict")


def verdict_table(title: str, verdicts: Iterable[Verdict]) -> Table:
    """The table that all claims share."""
    rows = ((v.claim, v.source, v.measured, v.required, "holds" if v.holds else "FAILS") for v in verdicts)
    return Table(title, VERDICTS, tuple(rows))


def as_markdown(table: Table) -> str:
    """For a page."""
    lines = [table.header, tuple("---" for _ in table.header), *table.rows]
    return "\n".join([f"### {table.title}", "", *("| " + " | ".join(line) + " |" for line in lines), ""])


def _places(script: str) -> tuple[str, str]:
    command = f"benchmarks/{script} --markdown" if "/" not in script else script
    return f"<!-- measured: written by {command} -->", "<!-- end of measured -->"


def has_place(path: Path, script: str) -> bool:
    """Whether a page has the two lines between which `write_markdown` puts a script's tables."""
    begin, end = _places(script)
    return path.exists() and path.read_text().count(begin) == 1 and end in path.read_text().split(begin)[1]


def write_markdown(path: Path, script: str, tables: Iterable[Table]) -> None:
    """Put tables between the lines of a page that name the script."""
    write_markdown_text(path, script, "\n".join(as_markdown(table) for table in tables))


def write_markdown_text(path: Path, script: str, body: str) -> None:
    """Put a text there.

    Args:
        path: of the page.
        script: of this folder; or a command that has a folder of its own.
        body: Markdown.
    """
    begin, end = _places(script)
    before, rest = path.read_text().split(begin)
    _, after = rest.split(end, maxsplit=1)
    path.write_text(f"{before}{begin}\n\n{body}\n{end}{after}")


def as_text(table: Table, width: int) -> str:
    """For a terminal or a pipe."""
    grid = RichTable(
        *table.header, title=table.title, title_justify="left", show_lines=table.header == VERDICTS
    )
    for row in table.rows:
        grid.add_row(*row)
    out = StringIO()
    Console(file=out, width=width, markup=False).print(grid)
    return out.getvalue()


def to_json(findings: dict[str, Finding]) -> bytes:
    """For programs."""
    return msgspec.json.format(msgspec.json.encode(findings), indent=2)


# The command -----------------------------------------------------------------------------------------------------


def main(claims: Mapping[str, Callable[[Lab], Finding]], script: str, description: str) -> int:
    """Measure, print, write: what a script of claims does.

    Args:
        claims: by the name that `--only` takes.
        script: the file's name, by which a page marks the place of its figures.
        description: for `--help`.

    Returns:
        1 if a claim fails that must hold.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="few seeds, and the corners of large grids")
    parser.add_argument(
        "--only", action="append", choices=list(claims), help="measure this claim; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the figures in this page")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cores to use")
    arguments = parser.parse_args()
    if arguments.markdown and (arguments.only or arguments.quick):
        parser.error("--markdown renews all figures of a page: leave out --only and --quick")
    if arguments.markdown and not has_place(arguments.markdown, script):
        parser.error(f"{arguments.markdown} has no lines that mark a place for {script}")

    width = shutil.get_terminal_size((160, 24)).columns
    findings: dict[str, Finding] = {}
    with Lab(quick=arguments.quick, processes=arguments.processes) as lab:
        for name in arguments.only or claims:
            began = time.perf_counter()
            findings[name] = claims[name](lab)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            for table in findings[name].tables:
                print(as_text(table, width), flush=True)
    verdicts = [verdict for finding in findings.values() for verdict in finding.verdicts]
    summary = verdict_table("Claims", verdicts)
    print(as_text(summary, width))
    if arguments.json:
        arguments.json.write_bytes(to_json(findings))
    if arguments.markdown:
        write_markdown(
            arguments.markdown,
            script,
            [summary, *(t for finding in findings.values() for t in finding.tables)],
        )
    return int(any(verdict.must_hold and not verdict.holds for verdict in verdicts))
