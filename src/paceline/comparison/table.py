"""All runs as one tidy table: a row for each incumbent of each run, with the terms that it came to be on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from paceline.comparison.results import Comparison, Group
from paceline.errors import SettingError

COLUMNS: dict[str, str] = {
    "method": "its name",
    "benchmark": "family/instance",
    "workers": "of the group; a baseline with twice as many has them in workers_used",
    "workers_used": "that this run had",
    "seed": "of the list that all methods share",
    "rule": "`max_resource`: the best observed at R; `any`: at the highest resource that was reached so far; `end`: how the run ended",
    "seconds": "virtual time at which this became the incumbent",
    "overhead_s": "processor seconds that the method itself had taken by then",
    "time": "(seconds + overhead_s) in units of time(R)",
    "spent": "units of resource that all jobs had trained by then",
    "resource": "spent, in units of R",
    "at_resource": "the resource at which the loss was observed",
    "loss": "that was observed",
    "regret": "of the incumbent's true loss: 0 at the best that is known, 1 at the median of random configs",
    "test_loss": "held out, where the benchmark has such a value; else the true loss",
    "trial": "its number",
    "trials": "configs tried, at the end",
    "jobs": "issued, at the end",
    "full": "results at R, at the end",
    "failed": "jobs that failed or reported what is not finite, at the end",
}
"""What each column holds. Empty is what a row does not have."""

FORMATS = ("csv", "parquet")


def rows(comparison: Comparison) -> Iterator[dict[str, object]]:
    """The table, row by row; those of a run in the order of time."""
    for group in comparison.groups:
        yield from _rows(group)


def _rows(group: Group) -> Iterator[dict[str, object]]:
    for problem in group.problems:
        for one in group.contestants:
            for seed, trace in zip(group.seeds, group.traces[problem.name, one.name], strict=True):
                run: dict[str, object] = {
                    "method": one.name,
                    "benchmark": problem.name,
                    "workers": group.terms.workers,
                    "workers_used": group.terms.workers * one.workers_factor,
                    "seed": seed,
                }
                for rule, steps in (("max_resource", trace.steps), ("any", trace.early)):
                    for step in steps:
                        yield run | {
                            "rule": rule,
                            "seconds": step.seconds,
                            "overhead_s": step.overhead_s,
                            "time": (step.seconds + step.overhead_s) / problem.full_seconds,
                            "spent": step.spent,
                            "resource": step.spent / problem.max_resource,
                            "at_resource": step.resource,
                            "loss": step.loss,
                            "regret": step.regret,
                            "test_loss": step.test_loss,
                            "trial": step.trial,
                        }
                overhead = trace.overheads[-1][1]
                yield run | {
                    "rule": "end",
                    "seconds": trace.seconds,
                    "overhead_s": overhead,
                    "time": (trace.seconds + overhead) / problem.full_seconds,
                    "spent": trace.spent,
                    "resource": trace.spent / problem.max_resource,
                    "trials": trace.trials,
                    "jobs": trace.jobs,
                    "full": trace.full,
                    "failed": trace.failed,
                }


def as_csv(comparison: Comparison) -> bytes:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(comparison))
    return text.getvalue().encode()


def write_parquet(comparison: Comparison, path: Path) -> None:
    """The table as parquet.

    Raises:
        SettingError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise SettingError(
            "format",
            "parquet",
            expected="pyarrow to be installed",
            hint="Run: pip install 'paceline[frame]'.",
        ) from error
    table = pa.Table.from_pylist(
        [{column: row.get(column) for column in COLUMNS} for row in rows(comparison)]
    )
    parquet.write_table(table, path)
