"""A study as a table: one flat row for each trial, report or event, as JSON lines, CSV, parquet or a DataFrame."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import msgspec

from paceline.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

    from paceline.study import Study

What = Literal["trials", "reports", "events"]
Row = dict[str, Any]


def rows(study: Study, what: What) -> Iterator[Row]:
    """Flat rows; a config's values under `config.NAME`, metrics under `metric.NAME`, all of an event under `data`.

    Raises:
        SettingError: `what` is none of these.
    """
    if what == "trials":
        return (_flat(trial, "config", "config") for trial in study.trials)
    if what == "reports":
        return (_flat(report, "metrics", "metric") for report in study.reports())
    if what == "events":
        return (
            {"seq": seq, "at": at, "event": type(event).__name__, "data": msgspec.to_builtins(event)}
            for seq, (at, event) in enumerate(study.entries())
        )
    raise SettingError("what", what, expected="'trials', 'reports' or 'events'")


def dataframe(study: Study, what: What = "trials") -> pd.DataFrame:
    """The rows as a pandas table.

    Raises:
        SettingError: pandas is not installed, or `what` is unknown.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "to_dataframe",
            what,
            expected="pandas to be installed",
            hint="Run: pip install 'paceline[frame]'.",
        ) from error
    return pd.DataFrame.from_records([_flattened(row) for row in rows(study, what)])


def write_json_lines(table: Iterable[Row], file: IO[str]) -> None:
    """One JSON object a line; what is missing is absent."""
    for row in table:
        file.write(json.dumps(row) + "\n")


def write_csv(table: Iterable[Row], file: IO[str]) -> None:
    """With a header of all columns that occur; what is missing is empty."""
    records = [_flattened(row) for row in table]
    columns = list(dict.fromkeys(column for row in records for column in row))
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(records)


def write_parquet(study: Study, what: What, path: Path) -> None:
    """By way of pandas and pyarrow.

    Raises:
        SettingError: one of them is not installed.
    """
    table = dataframe(study, what)
    try:
        table.to_parquet(path, index=False)
    except ImportError as error:
        raise SettingError(
            "format",
            "parquet",
            expected="pyarrow to be installed",
            hint="Run: pip install 'paceline[frame]'.",
        ) from error


def _flat(record: msgspec.Struct, nested: str, prefix: str) -> Row:
    row = msgspec.structs.asdict(record)
    inner = row.pop(nested)
    return row | {f"{prefix}.{name}": value for name, value in inner.items()}


def _flattened(row: Row) -> Row:
    """What is nested, as JSON text: a cell holds no more."""
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
