"""The real data, where they are there: set PACELINE_DATA."""

import json
import math
import os

import numpy as np
import pytest

from paceline.benchmarks import GridTable, LearnerCurves, Surrogate, Table, load, surrogate
from paceline.benchmarks.base import LEAST_SECONDS
from paceline.benchmarks.families import FAMILIES

from .making import random_configs

needs_data = pytest.mark.skipif(
    not os.environ.get("PACELINE_DATA"), reason="set PACELINE_DATA to a folder of data: docs/benchmarks.md"
)


@pytest.fixture(scope="module")
def real():
    return load()


@pytest.fixture(scope="module")
def references(real):
    return json.loads((real.folder / "references.json").read_text())


def ranks(values):
    return np.argsort(np.argsort(values))


def of_kind(real, *classes):
    found = [(name, benchmark) for name, benchmark in real.items() if isinstance(benchmark, classes)]
    assert found
    return found


@needs_data
def test_real_best_configs_of_surrogates_have_the_losses_that_are_known(real, references):
    for name, benchmark in of_kind(real, Surrogate):
        known = references[name]
        config = known["best_config"]
        assert benchmark.true_loss(config) == pytest.approx(known["best"], abs=1e-5), name
        seconds = benchmark.seconds(0, config, benchmark.max_resource)
        assert seconds >= known["seconds_full"]["best_config"] * (1 - 1e-3), name
        assert benchmark.regret(config) == pytest.approx(0, abs=1e-4), name


@needs_data
def test_real_tables_are_known(real, references):
    for name, benchmark in of_kind(real, Table):
        known = references[name]
        config = benchmark.config(known["best_row"])
        assert benchmark.true_loss(config) == benchmark.best == pytest.approx(known["best"]), name
        assert benchmark.median == pytest.approx(known["median_random"]), name
        assert benchmark.initial_loss == pytest.approx(known["initial_loss"]), name
        assert benchmark.test_loss(config) == pytest.approx(known["test_loss_of_best_row"]), name
        assert benchmark.regret(config) == 0, name


@needs_data
def test_real_grids_are_known(real, references):
    for name, benchmark in of_kind(real, GridTable):
        known = references[name]
        config = {
            # "1" among floats is a float for us
            key: type(benchmark.space.domains[key].scale.spread(1)[0])(value)
            for key, value in known["best_config"].items()
        }
        assert benchmark.true_loss(config) == benchmark.best == pytest.approx(known["best"]), name
        assert benchmark.median == pytest.approx(known["median_random"]), name
        assert benchmark.regret(config) == 0, name
        assert benchmark.max_resource == known["seeds"], name
        assert benchmark.space.n_configs == known["n_configs"], name
        best_single = min(benchmark.loss(config, 1, trial) for trial in range(50))
        assert known["best_single_seed"] - 1e-7 <= best_single <= benchmark.best, name


@needs_data
def test_real_learners_are_known(real, references):
    for name, benchmark in of_kind(real, LearnerCurves):
        known = references[name]
        assert benchmark.max_resource == known["max_fidelity"], name
        assert benchmark.best == pytest.approx(known["best"]), name
        assert benchmark.regret({"learner": known["best_learner"]}) == 0, name
        for learner, error in known["error_at_max"].items():
            expected = 1.0 if error is None else error
            assert benchmark.true_loss({"learner": learner}) == pytest.approx(expected, abs=6e-6), name
            n_finished = sum(
                not math.isnan(benchmark.loss({"learner": learner}, benchmark.max_resource, trial))
                for trial in range(100)
            )
            share = known["seeds_per_learner_at_max"][learner] / 25
            assert abs(n_finished / 100 - share) <= 4 * math.sqrt(share * (1 - share) / 100), (name, learner)


@needs_data
def test_half_of_real_random_configs_are_worse_than_the_median(real):
    # In a table, proposals stand for rows, and not for each as often.
    for name, benchmark in of_kind(real, Surrogate, GridTable, LearnerCurves):
        regrets = [benchmark.regret(config) for config in random_configs(benchmark, 150)]
        assert 0.35 < np.mean(np.array(regrets) < 1) < 0.65, name


@needs_data
def test_curves_of_real_networks_in_pieces_are_those_at_once(real):
    """To 1e-6 in the loss; and to 5 ms in the seconds, of which the networks say hundreds."""
    for name in ("lcbench/3945", "lcbench/189862", "rbv2_xgboost/54"):
        benchmark = real[name]
        grid = [unit for piece in FAMILIES[benchmark.family].resource.pieces for unit in piece]
        for config in random_configs(benchmark, 40, seed=5):
            losses, seconds = at_once(benchmark, config, grid)
            assert [benchmark.loss(config, unit) for unit in grid] == pytest.approx(losses, abs=1e-6), name
            found = [benchmark.seconds(0, config, unit) for unit in grid]
            assert found == pytest.approx(seconds, abs=5e-3, rel=0), name


def at_once(benchmark, config, grid):
    """What one call of the network says of all resources."""
    columns = FAMILIES[benchmark.family]
    words, numbers = benchmark.prepare(config)
    rows = np.tile(numbers, (len(grid), 1))
    rows[:, columns.numbers.index(columns.resource.column)] = np.array(grid) * columns.resource.per_unit
    network = surrogate._network(benchmark._folder)
    targets = network(np.tile(words, (len(grid), 1)), rows).astype(float)
    losses = columns.offset + columns.factor * targets[:, columns.targets.index(columns.loss)]
    seconds = targets[:, columns.targets.index(columns.time)]
    return losses.tolist(), np.maximum.accumulate(np.maximum(seconds, LEAST_SECONDS)).tolist()


@needs_data
def test_real_curves_order_configs_as_is_known(real, references):
    benchmark, known = real["lcbench/3945"], references["lcbench/3945"]
    configs = random_configs(benchmark, 400)
    final = ranks([benchmark.true_loss(config) for config in configs])
    for epoch, correlation, loss, seconds in zip(
        map(int, known["fidelity_grid"]),
        known["rank_corr_with_full"],
        known["median_loss_at"],
        known["median_seconds_at"],
        strict=True,
    ):
        losses = [benchmark.loss(config, epoch) for config in configs]
        tolerance = 4 * (1 - correlation**2) / math.sqrt(400) * math.sqrt(2) + 1e-3  # both are samples
        assert np.corrcoef(ranks(losses), final)[0, 1] == pytest.approx(correlation, abs=tolerance), epoch
        assert np.median(losses) == pytest.approx(loss, rel=0.2), epoch
        times = [benchmark.seconds(0, config, epoch) for config in configs]
        assert np.median(times) == pytest.approx(seconds, rel=0.25), epoch


@needs_data
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_real_networks_have_the_columns_of_their_family(real, family):
    meta = json.loads((real.folder / family / "meta.json").read_text())
    columns = FAMILIES[family]
    assert [columns.instance, *columns.words] == meta["cat_names"]
    assert list(columns.numbers) == meta["cont_names"]
    assert list(columns.targets) == meta["targets"]
    assert columns.time == meta["time_target"]
    assert {"target": columns.loss, "offset": columns.offset, "scale": columns.factor} == meta["objective"]
    assert dict(columns.fixed) == meta["fidelity"].get("fixed", {})
    space = real[real.names(family)[0]].space
    assert list(space.names) == [entry["name"] for entry in meta["space"]]
