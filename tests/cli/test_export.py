"""`paceline export` and `paceline delete`: files that come and go."""

import csv
import io
import json

import pandas as pd
import pytest

from paceline.cli.commands import export as export_command


def test_json_lines_are_one_row_each(paceline, digits):
    lines = [json.loads(line) for line in paceline("export").out.splitlines()]
    assert [line["config.x"] for line in lines] == [view.config["x"] for view in digits.trials]
    reports = [json.loads(line) for line in paceline("export", "--what", "reports").out.splitlines()]
    assert [report["metric.accuracy"] for report in reports] == [
        report.metrics["accuracy"] for report in digits.reports()
    ]


def test_events_are_all_that_was_recorded(paceline, digits):
    lines = [json.loads(line) for line in paceline("export", "--what", "events").out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert [line["event"] for line in lines] == [type(event).__name__ for _, event in digits.entries()]
    assert lines[0]["data"]["objective"]["metric"] == "accuracy"
    rows = list(csv.DictReader(io.StringIO(paceline("export", "--what", "events", "--format", "csv").out)))
    assert [json.loads(row["data"]) for row in rows] == [line["data"] for line in lines]


def test_csv_has_a_header_of_all_columns(paceline, digits):
    rows = list(csv.DictReader(io.StringIO(paceline("export", "--format", "csv").out)))
    assert [float(row["config.x"]) for row in rows] == [view.config["x"] for view in digits.trials]
    assert [row["config.kind"] for row in rows] == [view.config["kind"] for view in digits.trials]


def test_json_is_one_array(paceline, digits):
    assert [row["id"] for row in paceline("export", "--json").json] == list(range(14))


@pytest.mark.parametrize("what", ["trials", "reports", "events"])
def test_the_file_s_name_chooses_the_format(paceline, digits, tmp_path, what):
    n_rows = len(paceline("export", "--what", what, "--json").json)
    for suffix, read in {"csv": pd.read_csv, "parquet": pd.read_parquet}.items():
        result = paceline("export", "--what", what, "--output", f"out.{suffix}")
        assert result.code == 0, result.err
        assert len(read(tmp_path / f"out.{suffix}")) == n_rows
    written = paceline("export", "--what", what, "-o", "rows", "--json").json
    assert written == {
        "file": "rows",
        "what": what,
        "format": "jsonl",
        "bytes": (tmp_path / "rows").stat().st_size,
    }


def test_nothing_is_overwritten_without_force(paceline, digits, tmp_path):
    file = tmp_path / "out.csv"
    file.write_text("precious")
    result = paceline("export", "--output", file)
    assert result.code == 2
    assert "--force" in result.err
    assert file.read_text() == "precious"
    assert paceline("export", "--output", file, "--force").code == 0
    assert file.read_text().startswith("id,status")


def test_a_failure_leaves_the_old_file_and_no_other(paceline, digits, tmp_path, monkeypatch):
    file = tmp_path / "out.csv"
    file.write_text("precious")
    before = sorted(tmp_path.iterdir())

    def fail(table, stream):
        stream.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_command, "write_csv", fail)
    result = paceline("export", "--output", file, "--force")
    assert result.code == 2
    assert "No space left on device" in result.err
    assert file.read_text() == "precious"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--format", "parquet"], "--output"),
        (["--format", "xlsx"], "parquet"),
        (["--what", "metrics"], "reports"),
        (["--json", "--format", "csv"], "--output"),
        (["--output", "nowhere/out.csv"], "create it first"),
    ],
)
def test_what_cannot_be_written_is_refused(paceline, digits, arguments, hint):
    result = paceline("export", *arguments)
    assert result.code == 2
    assert hint in result.err


def test_delete_needs_a_yes_where_nobody_can_be_asked(paceline, digits):
    result = paceline("delete", "digits")
    assert result.code == 2
    assert "--yes" in result.err
    assert paceline("status", "digits").code == 0


def test_delete_removes_the_study_and_its_files(paceline, digits):
    assert digits.checkpoint_folder.is_dir()
    result = paceline("delete", "digits", "--yes", "--json")
    assert (result.code, result.json["files"]) == (0, None)
    assert not digits.checkpoint_folder.parent.exists()
    assert paceline("list", "--json").json["studies"] == []
    assert paceline("delete", "digits", "--yes").code == 1


def test_delete_can_keep_the_files(paceline, digits):
    result = paceline("delete", "digits", "--yes", "--keep-files")
    assert result.code == 0
    assert str(digits.checkpoint_folder.parent) in result.out
    assert digits.checkpoint_folder.is_dir()


def test_delete_leaves_what_is_not_its_own(paceline, digits):
    other = digits.checkpoint_folder.parent / "notes.txt"
    other.write_text("mine")
    paceline("delete", "digits", "--yes")
    assert other.read_text() == "mine"
    assert not digits.checkpoint_folder.exists()


def test_delete_refuses_a_study_that_is_driven(paceline, digits, monkeypatch):
    from paceline import Budget

    digits.set_budget(Budget(trials=20))  # this process holds it now
    result = paceline("delete", "digits", "--yes")
    assert result.code == 1
    assert "is being driven by" in result.err
    assert digits.checkpoint_folder.is_dir()
