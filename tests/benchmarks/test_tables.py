"""Tables of curves that were really trained."""

import json
import math

import numpy as np
import pytest

from paceline.benchmarks import Table
from paceline.benchmarks.table import CLIP
from paceline.errors import SettingError, SpaceError
from paceline.events import Budget
from paceline.schedulers.single_fidelity import RandomSearch
from paceline.simulation import simulate

from .making import ROWS, VALID


@pytest.fixture
def table(table_folder):
    return Table.taskset(table_folder / "made_up.npz")


def test_a_table_searches_one_minus_beta_in_the_logarithm(table):
    assert repr(dict(table.space.domains)) == (
        "{'learning_rate': Float(0.0001, 1.0, log=True), 'one_minus_beta1': Float(0.0001, 1.0, log=True)}"
    )


def test_a_table_knows_its_rows(table):
    assert (table.name, table.max_resource, table.min_resource, table.full_seconds) == (
        "taskset/made_up",
        4,
        2,
        4.0,
    )
    assert [table.row(table.config(row)) for row in range(3)] == [0, 1, 2]
    assert [table.loss(table.config(0), resource) for resource in (1, 2, 3, 4)] == [2.0, 1.0, 0.5, 0.25]
    assert [table.seconds(7, table.config(0), resource) for resource in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("point", "row"), [([0, 1], 0), ([0.1, 1], 0), ([0.5, 0.3], 1), ([0.9, 0.2], 2), ([0, 0], 1)]
)
def test_a_proposal_stands_for_the_nearest_row_of_the_unit_cube(table, point, row):
    config = table.space.decode(point)
    assert table.row(config) == row
    assert table.loss(config, 2) == VALID[row, 1]


def test_a_diverged_row_reports_nan_and_counts_as_the_worst(table):
    diverged, huge = table.config(1), table.config(2)
    assert math.isnan(table.loss(diverged, 4))
    assert table.loss(huge, 4) == pytest.approx(1e34)
    assert table.true_loss(diverged) == table.true_loss(huge) == table.median == CLIP * 2.0
    assert table.regret(table.config(0)) == 0
    assert table.regret(diverged) == 1
    assert table.metrics(0, table.config(0), 4) == {"loss": 0.25}


def test_a_diverged_trial_ranks_last(table):
    end = simulate(RandomSearch(max_resource=4), table.space, table, workers=2, budget=Budget(trials=60))
    losses = {table.row(state.trial.config): state.loss for state in end.ledger.trials}
    assert losses == {0: 0.25, 1: math.inf, 2: pytest.approx(1e34)}
    assert end.ledger.incumbent().loss == 0.25


@pytest.mark.parametrize("file", ["space.json", "configs.npy", "made_up.npz"])
def test_a_file_of_a_table_that_is_missing_is_named(table_folder, file):
    (table_folder / file).unlink()
    with pytest.raises(SettingError, match=file) as caught:
        Table(table_folder / "made_up.npz")
    assert "TaskSet" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("made_up.npz", {"train": VALID}, "'valid'"),
        ("made_up.npz", {"valid": VALID[:2]}, "for each of 3 configs"),
        ("configs.npy", ROWS[:, :1], "configs.npy"),
        ("space.json", '{"space": 1}', "space.json"),
    ],
)
def test_a_table_with_another_content_is_refused(table_folder, file, content, message):
    match content:
        case dict():
            np.savez(table_folder / file, **content)
        case str():
            (table_folder / file).write_text(content)
        case _:
            np.save(table_folder / file, content)
    with pytest.raises(SettingError, match=message):
        Table(table_folder / "made_up.npz")


def test_a_table_refuses_what_is_no_config_and_no_resource(table, table_folder):
    with pytest.raises(SpaceError, match="one_minus_beta1"):
        table.loss({"learning_rate": 0.1}, 1)
    with pytest.raises(SettingError, match="from 1 to 4"):
        table.loss(table.config(0), 5)
    with pytest.raises(SettingError, match="less than 4"):
        Table(table_folder / "made_up.npz", min_resource=4)


# Tables of any training ------------------------------------------------------------------------------------------

MIXED = [
    {"name": "learning_rate", "lower": 1e-4, "upper": 1.0, "log": True},
    {"name": "layers", "lower": 1, "upper": 4, "integer": True},
    {"name": "width", "lower": 16, "upper": 256, "log": True, "integer": True},
    {"name": "optimizer", "choices": ["sgd", "adam", 3]},
]
CONFIGS = np.array([[1e-4, 1, 16, 0], [1e-2, 2.4, 64, 1], [2.0, 4, 300, 2]])
ERRORS = np.array([[0.9, 0.5, 0.25], [0.9, np.nan, np.nan], [0.95, 0.6, 0.5]])


@pytest.fixture
def write(tmp_path):
    """Writes a table, and says where it is."""

    def go(space=None, configs=CONFIGS, **arrays):
        folder = tmp_path / "trained"
        folder.mkdir(exist_ok=True)
        (folder / "space.json").write_text(json.dumps({"space": MIXED} | (space or {})))
        np.save(folder / "configs.npy", configs)
        np.savez(folder / "digits.npz", **({"valid": ERRORS} | arrays))
        return folder / "digits.npz"

    return go


def test_a_table_of_numbers_whole_numbers_and_names(write):
    table = Table(write())
    assert repr(dict(table.space.domains)) == (
        "{'learning_rate': Float(0.0001, 1.0, log=True), 'layers': Integer(1, 4), "
        "'width': Integer(16, 256, log=True), 'optimizer': Categorical(['sgd', 'adam', 3])}"
    )
    assert table.config(1) == {"learning_rate": 0.01, "layers": 2, "width": 64, "optimizer": "adam"}
    assert table.config(2) == {"learning_rate": 1.0, "layers": 4, "width": 256, "optimizer": 3}
    assert [table.row(table.config(row)) for row in range(3)] == [0, 1, 2]
    assert (table.unit, table.resumes, table.min_resource, table.full_seconds) == ("epoch", True, 1, 3.0)


def test_what_space_json_says_of_the_resource(write):
    table = Table(write({"unit": "sample", "resumes": False, "min_resource": 2}))
    assert (table.unit, table.resumes, table.min_resource) == ("sample", False, 2)


def test_between_names_there_is_no_nearer_and_farther(write):
    """In the unit cube, adam lies between sgd and 3."""
    table = Table(write(configs=np.array([[1e-4, 1, 16, 1], [1e-3, 1, 16, 0], [1.0, 1, 16, 1]])))
    assert table.row({"learning_rate": 1e-4, "layers": 1, "width": 16, "optimizer": 3}) == 0
    assert table.row({"learning_rate": 2e-3, "layers": 1, "width": 16, "optimizer": 3}) == 1
    assert table.row({"learning_rate": 1e-3, "layers": 1, "width": 16, "optimizer": "adam"}) == 0


def test_error_rates_are_as_bad_as_it_gets_at_one(write):
    table = Table(write())
    assert table.worst == 1.0
    assert math.isnan(table.loss(table.config(1), 2))
    assert [table.true_loss(table.config(row)) for row in range(3)] == [0.25, 1.0, 0.5]
    assert (table.best, table.median) == (0.25, 0.5)


def test_other_losses_are_bounded_by_those_at_the_beginning(write):
    table = Table(write(valid=2 * ERRORS))
    assert table.worst == table.true_loss(table.config(1)) == pytest.approx(CLIP * 1.8)
    assert Table(write(), is_error_rate=False).worst == pytest.approx(CLIP * 0.9)
    assert Table(write()).fingerprint != Table(write(), is_error_rate=False).fingerprint


def test_held_out_losses_are_those_at_the_end(write):
    test = np.array([[0.9, 0.4, 0.3], [0.9, np.nan, np.nan], [0.9, 0.7, 7.0]])
    table = Table(write(test=test))
    assert [table.test_loss(table.config(row)) for row in range(3)] == [0.3, 1.0, 1.0]
    without = Table(write())
    assert [without.test_loss(without.config(row)) for row in range(3)] == [0.25, 1.0, 0.5]


def test_seconds_are_those_of_the_row(write):
    seconds = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, np.nan], [5.0, 4.0, 8.0]])
    table = Table(write(seconds=seconds))
    assert [
        [table.seconds(0, table.config(row), resource) for resource in (1, 2, 3)] for row in range(3)
    ] == [[1.0, 2.0, 4.0], [2.0, 3.0, 3.0], [5.0, 5.0, 8.0]]
    assert table.full_seconds == 5.0


@pytest.mark.parametrize("seconds", [None, np.array([[3.0, 5.0, 7.0]] * 3)])
@pytest.mark.parametrize(
    ("resource", "column"), [(1, 0), (9, 0), (10, 0), (29, 0), (30, 1), (89, 1), (90, 2)]
)
def test_a_resource_between_two_columns_stands_for_the_lower(write, resource, column, seconds):
    more = {} if seconds is None else {"seconds": seconds}
    table = Table(write(resources=np.array([10, 30, 90]), **more))
    config = table.config(0)
    assert table.max_resource == 90
    assert table.loss(config, resource) == ERRORS[0, column]
    assert table.seconds(0, config, resource) == (
        (10, 30, 90)[column] if seconds is None else seconds[0, column]
    )
    with pytest.raises(SettingError, match="from 1 to 90"):
        table.loss(config, 91)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"test": ERRORS[:, :2]}, "'test' of the shape of 'valid'"),
        ({"seconds": ERRORS[:2]}, "'seconds' of the shape"),
        ({"seconds": ERRORS * np.nan}, "finite numbers of at least 0"),
        ({"seconds": -ERRORS}, "finite numbers of at least 0"),
        ({"resources": np.array([1, 2])}, "whole numbers that rise in 'resources'"),
        ({"resources": np.array([1, 3, 3])}, "whole numbers that rise"),
        ({"resources": np.array([0, 1, 2])}, "whole numbers that rise"),
        ({"resources": np.array([1.0, 2.0, 3.0])}, "whole numbers that rise"),
    ],
)
def test_other_arrays_of_another_form_are_refused(write, arrays, message):
    with pytest.raises(SettingError, match=message):
        Table(write(**arrays))


@pytest.mark.parametrize(
    ("entry", "configs", "message"),
    [
        ({"name": "x", "lower": 0.0}, CONFIGS[:, :1], "'lower' and 'upper', or 'choices'"),
        ({"name": "x", "lower": 1.0, "upper": 0.0}, CONFIGS[:, :1], "low < high"),
        ({"name": "x", "choices": [1, 2]}, np.array([[0], [1], [2]]), "places in the list of choices"),
        ({"name": "x", "choices": [1, 2]}, np.array([[0], [1], [0.5]]), "places in the list of choices"),
    ],
)
def test_a_space_that_cannot_be_is_refused(write, entry, configs, message):
    path = write({"space": [entry]}, configs=configs)
    with pytest.raises(SettingError, match=message):
        Table(path)
