"""Tables that are trained on the user's machine: really trained, held-out data held out, made once whatever happens."""

import json
import signal
import subprocess
import sys
import warnings
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

from paceline import SettingError
from paceline.benchmarks import benchmark, names
from paceline.benchmarks.trained import MLP, RECIPES, SVM, data, make, make_table, mlp, shelf, state, svm
from paceline.benchmarks.trained.network import Network
from paceline.benchmarks.trained.parts import all_parts, encoded, kept_parts, part_file, parts_of
from paceline.benchmarks.trained.recipe import rows
from paceline.space import Float, Integer, Space

WINE = MLP("wine", n_configs=24, epochs=4)
SMALL_SVM = SVM("digits", exponents=(-1, 2), shares=(1, 81))


class Read:
    """A table as its format says: a reader of its own, beside `Table`."""

    def __init__(self, file):
        with np.load(file, allow_pickle=False) as arrays:
            self.arrays = dict(arrays)
        self.valid, self.test, self.seconds, self.resources = (
            self.arrays[name] for name in ("valid", "test", "seconds", "resources")
        )
        self.configs = np.load(file.with_name("configs.npy"), allow_pickle=False)
        self.about = json.loads(file.with_name("space.json").read_text())
        self.space = Space({it["name"]: self.domain(it) for it in self.about["space"]})

    @staticmethod
    def domain(it):
        kind = Integer if it.get("integer") else Float
        return kind(it["lower"], it["upper"], log=it.get("log", False))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small table of each family."""
    folder = tmp_path_factory.mktemp("tables")
    return {recipe.family: make_table(recipe, folder) for recipe in (WINE, SMALL_SVM)}


# Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", [WINE, SMALL_SVM], ids=lambda recipe: recipe.family)
def test_a_table_is_what_its_format_says(made, recipe):
    table = Read(made[recipe.family])
    shape = (len(rows(recipe)), len(recipe.resources))
    assert table.valid.shape == table.test.shape == table.seconds.shape == shape
    assert table.resources.tolist() == list(recipe.resources)
    assert table.resources.dtype.kind == "i"
    assert (np.diff(table.resources) > 0).all()
    assert (table.seconds > 0).all()
    assert (np.diff(table.seconds) >= 0).all()
    assert table.configs.shape == (shape[0], len(recipe.space.names))
    assert table.space == recipe.space
    for row, config in zip(table.configs.tolist(), rows(recipe), strict=True):
        assert dict(zip(table.space.names, row, strict=True)) == config == recipe.space.validate(config)
    assert table.about["min_resource"] == 1
    assert (table.about["unit"], table.about["resumes"]) == (recipe.unit, recipe.resumes)


def test_what_the_real_tables_hold():
    assert list(RECIPES) == ["mlp/wine", "mlp/diabetes", "mlp/breast_cancer", "svm/digits", "mlp/digits"]
    assert {len(rows(RECIPES[name])) for name in RECIPES if name.startswith("mlp")} == {1000}
    assert RECIPES["mlp/digits"].resources == tuple(range(1, 51))
    machine = RECIPES["svm/digits"]
    assert len(rows(machine)) == 441
    assert machine.resources == (1, 3, 9, 27, 54, 81)
    assert len({recipe.stamp() for recipe in RECIPES.values()}) == 2  # tables of a family share a folder


def test_a_table_is_the_same_whoever_makes_it(made, tmp_path):
    """In another folder, by two processes, in parts of another size; seconds of machines are measured."""
    for recipe in (WINE, SMALL_SVM):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="joblib")  # of processes that start slowly
            again = make_table(recipe, tmp_path, processes=2)
        if recipe.family == "mlp":
            assert again.read_bytes() == made["mlp"].read_bytes()
        for name in ("valid", "test", "resources"):
            np.testing.assert_array_equal(Read(again).arrays[name], Read(made[recipe.family]).arrays[name])


def test_a_table_of_fewer_configs_is_the_beginning_of_one_of_more(made, tmp_path):
    fewer = Read(make_table(MLP("wine", n_configs=5, epochs=4), tmp_path))
    np.testing.assert_array_equal(fewer.valid, Read(made["mlp"]).valid[:5])


# Data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", data.LOADERS)
def test_every_row_is_in_one_part(name):
    found = data.load_data(name)
    parts = found.train, found.valid, found.test
    all_rows = np.concatenate([part.rows for part in parts])
    assert sorted(all_rows) == list(range(len(all_rows)))
    n = len(all_rows)
    assert abs(len(found.train.rows) - n / 2) <= max(found.n_classes, 1)
    assert abs(len(found.valid.rows) - n / 4) <= max(found.n_classes, 1)
    for part in parts:
        assert len(part.inputs) == len(part.targets) == len(part.rows)
    if found.n_classes:
        shares = [np.bincount(part.targets, minlength=found.n_classes) / len(part.rows) for part in parts]
        np.testing.assert_allclose(shares[1], shares[0], atol=0.02)
        np.testing.assert_allclose(shares[2], shares[0], atol=0.02)


def test_inputs_are_standardized_by_the_training_part_alone():
    sets = mlp.prepared("wine")
    np.testing.assert_allclose(sets.train.inputs.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(sets.train.inputs.std(axis=0), 1, atol=1e-5)
    assert np.abs(sets.valid.inputs.mean(axis=0)).max() > 0.01


def test_shares_of_the_training_set_are_nested_and_in_proportion():
    found = data.load_data("digits")
    n_all = len(found.train.rows)
    sizes = [svm.n_rows(found, share) for share in RECIPES["svm/digits"].resources]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (11, n_all)
    whole = np.bincount(found.train.targets)
    for n in sizes:  # a share is the first n rows
        counts = np.bincount(found.train.targets[:n], minlength=10)
        assert counts.min() >= 1
        assert np.abs(counts - whole * n / n_all).max() <= 1


# Training --------------------------------------------------------------------------------------------------------


SIZES = [3, 8, 8, 4]


def doubles(weights, inputs):
    """What the network puts out, in double precision, written another way."""
    at, values = 0, inputs.astype(float)
    for m, n in pairwise(SIZES):
        matrix, bias = weights[at : at + m * n].reshape(m, n), weights[at + m * n : at + m * n + n]
        at += m * n + n
        values = np.einsum("im,mn->in", values, matrix) + bias
        if at < len(weights):
            values = np.where(values > 0, values, 0)
    return values


@pytest.mark.parametrize("is_number", [False, True])
def test_the_gradient_is_that_of_the_loss(is_number):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(7, 3)).astype(np.float32)
    classes = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 1, 1, 0]]
    targets = rng.normal(size=(7, 4)).astype(np.float32) if is_number else classes
    network = Network(SIZES, 0.0, rng)
    weights = network._weights.astype(float)
    np.testing.assert_allclose(network.outputs(inputs), doubles(weights, inputs), atol=1e-5)

    def total(vector):
        out = doubles(vector, inputs)
        if is_number:
            return 0.5 * np.square(out - targets).sum(axis=1).mean()
        return (np.log(np.exp(out).sum(axis=1)) - (out * targets).sum(axis=1)).mean()

    network.learn(inputs, targets, rate=1.0, momentum=0.0, is_number=is_number)
    moved = network._weights - weights
    for i in range(len(weights)):
        step = 1e-6 * np.eye(len(weights))[i]
        slope = (total(weights + step) - total(weights - step)) / 2e-6
        assert -moved[i] == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_momentum_goes_on_where_it_was_going():
    rng = np.random.default_rng(0)
    inputs, targets = np.ones((2, 3), dtype=np.float32), np.zeros((2, 1), dtype=np.float32)
    network = Network([3, 1], 0.0, rng)
    steps = []
    for rate in (0.1, 0.0, 0.0):
        before = network._weights.copy()
        network.learn(inputs, targets, rate=rate, momentum=0.5, is_number=True)
        steps.append(network._weights - before)
    assert np.abs(steps[0]).max() > 0
    np.testing.assert_allclose(steps[1], steps[0] / 2, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(steps[2], steps[0] / 4, rtol=1e-3, atol=1e-6)


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    mask = Network([1, 1], 0.3, np.random.default_rng(0))._mask((200, 200))
    assert (mask == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert mask.mean() == pytest.approx(1.0, abs=0.03)


def test_networks_learn(made):
    table = Read(made["mlp"])
    assert np.nanmedian(table.valid[:, -1]) < np.nanmedian(table.valid[:, 0])
    best = np.nanargmin(table.valid[:, -1])
    assert table.valid[best, -1] < 0.1
    assert table.test[best, -1] < 0.2  # by chance it would be 0.6


def test_a_number_is_told_better_than_by_its_mean_or_not_at_all(tmp_path):
    table = Read(make_table(MLP("diabetes", n_configs=40, epochs=6), tmp_path))
    best = np.nanargmin(table.valid[:, -1])
    assert table.valid[best, -1] < 0.75
    assert table.test[best, -1] < 0.75
    is_lost = np.isnan(table.valid)
    assert 0 < is_lost[:, -1].sum() < 30
    assert (np.isnan(table.test) == is_lost).all()
    assert (np.diff(is_lost.astype(int), axis=1) >= 0).all()  # what has diverged does not come back
    assert np.isfinite(table.seconds).all()


def test_epochs_of_large_networks_and_small_batches_take_longer():
    sets = mlp.prepared("wine")
    config = rows(WINE)[0] | {"units": 64, "layers": 2, "batch_size": 64}
    seconds = mlp.epoch_seconds(config, sets)
    for longer in ({"units": 128}, {"layers": 3}, {"batch_size": 32}):
        assert mlp.epoch_seconds(config | longer, sets) > seconds
    # 90 rows in 2 steps, 3 layers, 13·64 + 64·64 + 64·3 products; 45 rows of validation
    assert seconds == pytest.approx(5e-5 * 2 * 3 + 1e-10 * 5120 * (3 * 90 + 45))


def test_machines_learn_from_more_digits(made):
    table = Read(made["svm"])
    [row] = np.flatnonzero((table.configs == np.exp([2.0, -1.0])).all(axis=1))
    assert table.valid[row, 0] > 3 * table.valid[row, 1]
    assert table.valid[row, 1] < 0.03
    assert table.test[row, 1] < 0.05


# Interruption ----------------------------------------------------------------------------------------------------

VICTIM = """
import os, signal, sys
from pathlib import Path
from paceline.benchmarks.trained import MLP, make_table

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(name, n_done, n_all):
    if n_done == 20:
        if sys.argv[2] == "between":
            die()
        Path.replace = die  # the next part is written, but has not got its name

make_table(MLP("wine", n_configs=60, epochs=2), Path(sys.argv[1]), progress=progress)
"""


class Counting(MLP):
    """Remembers what it trains. Its statement is that of `MLP`, and so is its stamp."""

    trained: ClassVar = []

    def train(self, row):
        self.trained.append(row)
        return super().train(row)


@pytest.mark.parametrize("moment", ["between", "within"])
def test_after_kill_9_only_what_is_missing_is_trained(tmp_path, moment):
    done = subprocess.run([sys.executable, "-c", VICTIM, tmp_path, moment], check=False)
    assert done.returncode == -signal.SIGKILL
    recipe = Counting("wine", n_configs=60, epochs=2)
    before = state(recipe, tmp_path)
    assert (before.trained, before.is_made) == (20, False)
    if moment == "within":
        assert list(parts_of(before.file).glob(".*"))
    Counting.trained.clear()
    told = []
    file = make_table(recipe, tmp_path, progress=lambda *news: told.append(news))
    assert sorted(Counting.trained) == list(range(20, 60))
    assert told == [("mlp/wine", n, 60) for n in (20, 30, 40, 50, 60)]
    whole = make_table(MLP("wine", n_configs=60, epochs=2), tmp_path / "at once")
    assert file.read_bytes() == whole.read_bytes()
    assert not parts_of(file).exists()
    assert state(recipe, tmp_path).is_made
    Counting.trained.clear()
    assert make_table(recipe, tmp_path) == file
    assert Counting.trained == []


def test_parts_that_cannot_be_read_are_trained_again(tmp_path):
    recipe = Counting("wine", n_configs=30, epochs=2)
    file = shelf.file_of(recipe, tmp_path)
    curves = [recipe.train(row) for row in range(30)]
    parts_of(file).mkdir(parents=True)
    whole = encoded(recipe, curves[:10])
    contents = [whole, whole[:-200], encoded(recipe, curves[20:25])]  # fine; cut off; of another size
    for part, content in zip(all_parts(recipe), contents, strict=True):
        part_file(file, part).write_bytes(content)
    assert list(kept_parts(recipe, file)) == [range(10)]
    Counting.trained.clear()
    make_table(recipe, tmp_path)
    assert Counting.trained == list(range(10, 30))


# By name ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shelf_of_one(monkeypatch, tmp_path):
    """A cache of its own, and `mlp/wine` as the only table, a small one."""
    monkeypatch.setattr(shelf, "RECIPES", {"mlp/wine": WINE})
    monkeypatch.setenv("PACELINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tables"


def test_a_table_goes_by_its_name_once_it_is_made(shelf_of_one):
    assert names("mlp/*") == names("mlp/wine") == ["mlp/wine"]
    with pytest.raises(SettingError, match=r"paceline tables mlp/wine.*24 configs.*minutes"):
        benchmark("mlp/wine")
    [file] = make("mlp/*", processes=1)
    assert file.is_relative_to(shelf_of_one)
    problem = benchmark("mlp/wine")
    assert (problem.name, problem.max_resource, problem.resumes) == ("mlp/wine", 4, True)
    config = problem.space.validate(rows(WINE)[3])
    assert problem.loss(config, 4) == Read(file).valid[3, 3]


@pytest.mark.parametrize("what", ["settings", "version", "parts", "library"])
def test_another_recipe_is_another_table(shelf_of_one, monkeypatch, what):
    [file] = make("mlp/wine", processes=1)
    match what:
        case "settings":
            monkeypatch.setattr(shelf, "RECIPES", {"mlp/wine": MLP("wine", n_configs=24, epochs=5)})
        case "version":
            monkeypatch.setattr(MLP, "version", MLP.version + 1)
        case "parts":
            monkeypatch.setattr(data, "VERSION", data.VERSION + 1)
        case "library":
            monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 99")
    with pytest.raises(SettingError, match="has been made"):
        benchmark("mlp/wine")
    assert shelf.file_of(shelf.RECIPES["mlp/wine"], shelf_of_one) != file


def test_a_stamp_depends_on_what_curves_depend_on_alone():
    assert MLP("wine", minutes=3).stamp() == MLP("digits", minutes=7).stamp()
    assert MLP("wine", epochs=49).stamp() != MLP("wine").stamp()


def test_its_statement_lies_beside_it(made):
    assert json.loads(made["mlp"].with_name("recipe.json").read_text()) == json.loads(
        json.dumps(WINE.statement())
    )


@pytest.mark.parametrize("name", ["mlp/wines", "svm/*s*s", ""])
def test_a_name_of_no_table_is_refused(name):
    with pytest.raises(SettingError, match=r"svm/digits"):
        make(name)


@pytest.mark.parametrize("processes", [0, 1.5])
def test_so_many_processes_are_refused(processes):
    with pytest.raises(SettingError, match="processes"):
        make("mlp/wine", processes=processes)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="a folder that can be written to"):
        make("mlp/wine", folder=tmp_path / "file")


def test_without_scikit_learn_the_extra_is_named(shelf_of_one, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sklearn", None)
        data.load_data.cache_clear()
        with pytest.raises(SettingError, match=r"paceline\[tables\]"):
            make("mlp/wine")
        assert not shelf_of_one.exists()

    def absent(name):
        from importlib.metadata import PackageNotFoundError

        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", absent)
    with pytest.raises(SettingError, match=r"paceline\[tables\]"):
        benchmark("mlp/wine")
