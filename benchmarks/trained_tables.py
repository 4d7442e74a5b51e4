"""What the trained tables are like: how far losses spread, how well few epochs tell of many.

    paceline tables --all                                                make them first: `make tables`
    python benchmarks/trained_tables.py                                  seconds
    python benchmarks/trained_tables.py --markdown docs/benchmarks.md    and the figures of that page anew

Rank correlations are Spearman's over all configs, and over those that end up below the median loss; a training that
diverged ranks last, and ties share their ranks. Needs the extra `compare`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from evidence import Table, as_text, has_place, write_markdown
from scipy.stats import rankdata, spearmanr

from paceline.benchmarks.trained import RECIPES, make, state

LOW = (0.02, 0.1, 1 / 3)
"""Shares of the full resource; the nearest column counts."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the trained tables are like.")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the figures in this page")
    arguments = parser.parse_args()
    if arguments.markdown and not has_place(arguments.markdown, Path(__file__).name):
        parser.error(f"{arguments.markdown} has no lines that mark a place for {Path(__file__).name}")
    for name, recipe in RECIPES.items():
        if not state(recipe).is_made:
            parser.error(f"{name} is not made; run: paceline tables --all")
    tables = [_losses(), _correlations()]
    for table in tables:
        print(as_text(table, shutil.get_terminal_size((160, 24)).columns))
    if arguments.markdown:
        write_markdown(arguments.markdown, Path(__file__).name, tables)


def _read(name: str) -> dict[str, np.ndarray]:
    [file] = make(name)  # it is made
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _losses() -> Table:
    header = ("table", "best", "5 %", "25 %", "median", "at the best", "diverged", "seconds of R", "kB")
    rows = []
    for name, recipe in RECIPES.items():
        table = _read(name)
        final = np.where(np.isnan(table["valid"][:, -1]), np.inf, table["valid"][:, -1])
        shares = np.quantile(final, [0, 0.05, 0.25, 0.5], method="nearest")
        rows.append(
            (
                name,
                *(f"{share:.3f}" for share in shares),
                f"{(final == final.min()).mean():.1%}",
                f"{np.isinf(final).mean():.1%}",
                f"{table['seconds'][:, -1].mean():.3f}",
                f"{state(recipe).bytes / 1000:.0f}",
            )
        )
    return Table("Validation losses at the full resource, by quantile", header, tuple(rows))


def _correlations() -> Table:
    header = ("table", "2 %", "10 %", "a third", "2 %, below the median", "10 %", "a third", "test at R")
    rows = []
    for name in RECIPES:
        table = _read(name)
        is_lost = np.isnan(table["valid"])
        valid, test = (np.where(is_lost, np.inf, table[part]) for part in ("valid", "test"))
        resources = table["resources"]
        columns = [np.abs(resources - share * resources[-1]).argmin() for share in LOW]
        better = valid[:, -1] < np.median(valid[:, -1])
        rows.append(
            (
                name,
                *(_correlation(valid[:, column], valid[:, -1]) for column in columns),
                *(_correlation(valid[better, column], valid[better, -1]) for column in columns),
                _correlation(test[:, -1], valid[:, -1]),
            )
        )
    return Table("Rank correlation of losses at a share of R with those at R", header, tuple(rows))


def _correlation(some: np.ndarray, others: np.ndarray) -> str:
    return f"{spearmanr(rankdata(some), rankdata(others)).statistic:.2f}"


if __name__ == "__main__":
    main()
