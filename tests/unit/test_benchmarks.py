"""Benchmarks: their answers are known, their curves are those of the data, and what is missing is said."""

import json
import math
import os
import pickle
import subprocess
import sys
from statistics import fmean, pvariance

import numpy as np
import pytest

from paceline.benchmarks import CountingOnes, CrossingCurves, Surrogate, Table, base, load
from paceline.benchmarks.families import FAMILIES
from paceline.benchmarks.surrogate import LEAST_SECONDS
from paceline.benchmarks.table import CLIP
from paceline.errors import SettingError, SpaceError
from paceline.events import Budget, Reported
from paceline.rng import uniforms_for
from paceline.schedulers.asha import ASHA
from paceline.schedulers.single_fidelity import RandomSearch
from paceline.simulation import simulate

KNOWN = {"best": 0.1, "median": 0.3, "full_seconds": 500.0}


def random_configs(benchmark, n, seed=0):
    return [benchmark.space.sample(uniforms_for(seed, "config", trial)) for trial in range(n)]


def test_importing_them_imports_no_extra():
    code = "import sys, paceline.benchmarks; print(sorted({'onnxruntime', 'scipy', 'sqlalchemy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Counting ones ---------------------------------------------------------------------------------------------------


def ones(n, cat, float_):
    return {**{f"cat_{i}": cat for i in range(n)}, **{f"float_{i}": float_ for i in range(n)}}


@pytest.mark.parametrize(
    ("cat", "float_", "loss", "regret"),
    [(1, 1.0, -1, 0), (0, 0.0, 0, 1), (1, 0.0, -0.5, 0.5), (0, 0.25, -0.125, 0.875)],
)
def test_counting_ones_counts_ones(cat, float_, loss, regret):
    problem = CountingOnes(4)
    config = problem.space.validate(ones(4, cat, float_))
    assert problem.true_loss(config) == loss
    assert problem.regret(config) == regret
    if float_ in (0.0, 1.0):  # certain samples have no noise
        assert problem.loss(config, 9, trial=5) == loss


def test_counting_ones_has_the_noise_of_means_of_bernoulli_samples():
    problem = CountingOnes(2)
    config = ones(2, 1, 0.3)
    for resource in (9, 81):
        losses = [problem.loss(config, resource, trial) for trial in range(4000)]
        variance = 2 * 0.3 * 0.7 / resource / 4**2
        assert abs(fmean(losses) - problem.true_loss(config)) < 4 * math.sqrt(variance / 4000)
        assert abs(pvariance(losses) / variance - 1) < 0.1


def test_counting_ones_draws_anew_for_each_trial_and_resource_and_again_the_same():
    config = ones(8, 0, 0.5)

    def losses(seed):
        return [
            CountingOnes(8, seed=seed).loss(config, 100 + r, trial) for trial in range(20) for r in range(2)
        ]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)
    by_trial = np.array(losses(1)).reshape(20, 2)
    assert abs(np.corrcoef(by_trial.T)[0, 1]) < 0.5


def test_the_median_of_counting_ones():
    problem = CountingOnes(8)
    losses = [problem.true_loss(config) for config in random_configs(problem, 2000)]
    assert abs(np.median(losses) - problem.median) < 0.01


def test_counting_ones_takes_time_in_proportion():
    problem = CountingOnes(1)
    assert problem.seconds(0, ones(1, 0, 0.5), 81) * 9 == problem.seconds(0, ones(1, 0, 0.5), 729)
    assert problem.full_seconds == 729


@pytest.mark.parametrize("resource", [0, -1, 730])
def test_a_resource_that_does_not_exist_is_refused(resource):
    with pytest.raises(SettingError, match="from 1 to 729"):
        CountingOnes(1).loss(ones(1, 0, 0.5), resource)


@pytest.mark.parametrize("settings", [{"n": 0}, {"min_resource": 0}, {"max_resource": 8}, {"n": 2.0}])
def test_counting_ones_with_wrong_settings_is_refused(settings):
    with pytest.raises(SettingError):
        CountingOnes(**settings)


def test_where_training_does_not_resume_every_job_takes_its_time_from_nothing():
    problem = CountingOnes(2)
    end = simulate(
        ASHA(min_resource=9, max_resource=729, reduction_factor=3),
        problem.space,
        problem,
        workers=4,
        budget=Budget(trials=100),
        saves_checkpoints=problem.resumes,
    )
    reports = [event for _, event in end.entries if isinstance(event, Reported)]
    assert {report.resource for report in reports} == {9, 27, 81, 243, 729}
    assert all(report.seconds == pytest.approx(report.resource) for report in reports)
    assert all(
        report.metrics["loss"]
        == problem.loss(end.ledger.trials[report.trial].trial.config, report.resource, report.trial)
        for report in reports
    )


# Tables ----------------------------------------------------------------------------------------------------------

RANGES = [
    {"name": "learning_rate", "type": "float", "lower": 1e-4, "upper": 1.0, "log": True},
    {"name": "beta1", "type": "float", "lower": 0.0, "upper": 0.9999, "log": False, "log_of_one_minus": True},
]
ROWS = np.array([[1e-4, 0.0], [1e-2, 0.99], [1.0, 0.9999]])  # along the diagonal of the unit square
VALID = np.array(
    [[2.0, 1.0, 0.5, 0.25], [2.0, 3.0, np.nan, np.nan], [2.0, 4.0, 1e30, 1e34]], dtype=np.float32
)


@pytest.fixture
def table_folder(tmp_path):
    folder = tmp_path / "taskset"
    folder.mkdir()
    (folder / "space.json").write_text(json.dumps({"space": RANGES}))
    np.save(folder / "configs.npy", ROWS)
    np.savez(folder / "made_up.npz", valid=VALID)
    return folder


@pytest.fixture
def table(table_folder):
    return Table(table_folder / "made_up.npz")


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


# Crossing curves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("crossing", "correlation"), [(0.1, 0.96), (0.25, 0.78), (0.4, 0.56)])
def test_curves_cross_as_much_as_is_said(crossing, correlation):
    from scipy.stats import spearmanr

    problem = CrossingCurves(64, crossing=crossing)
    losses = [[problem.loss(config, r) for r in (1, 64)] for config in random_configs(problem, 1000)]
    assert spearmanr(losses).statistic == pytest.approx(correlation, abs=0.04)


def test_the_best_crossing_curve_ends_at_zero_and_half_of_the_random_ones_below_the_median():
    problem = CrossingCurves(64)
    point = (0.2, 0.4, 0.8, 0.6, 0.7, 0.5, 0.4, 0.5, 0.3)
    assert problem.true_loss(problem.space.decode(point)) == pytest.approx(
        0.0, abs=2e-3
    )  # whole numbers are near it
    losses = [problem.true_loss(config) for config in random_configs(problem, 2000)]
    assert min(losses) > problem.best
    assert 0.46 < fmean(loss < problem.median for loss in losses) < 0.54


def test_crossing_curves_fall_and_cost_what_is_said():
    problem = CrossingCurves(64, cost_sd=0.4)
    configs = random_configs(problem, 1000)
    for config in configs[:50]:
        curve = [problem.loss(config, resource) for resource in range(1, 65)]
        assert curve == sorted(curve, reverse=True)
        assert problem.seconds(0, config, 64) == pytest.approx(64 * problem.seconds(0, config, 1))
    logs = [math.log(problem.seconds(0, config, 1)) for config in configs]
    assert math.sqrt(pvariance(logs)) == pytest.approx(0.4, abs=0.03)
    assert fmean(problem.seconds(0, config, 64) for config in configs) == pytest.approx(
        problem.full_seconds, rel=0.05
    )
    assert {CrossingCurves(4, cost_sd=0.0).seconds(0, config, 1) for config in configs} == {1.0}


def test_noise_is_of_the_trial_and_the_resource_and_not_of_the_truth():
    problem = CrossingCurves(64, noise_sd=0.1)
    (config,) = random_configs(problem, 1)
    draws = [problem.loss(config, 64, trial) for trial in range(200)]
    assert (
        draws[7]
        == problem.loss(config, 64, 7)
        != CrossingCurves(64, noise_sd=0.1, seed=1).loss(config, 64, 7)
    )
    assert math.sqrt(pvariance(draws)) == pytest.approx(0.1, rel=0.2)
    assert problem.true_loss(config) == CrossingCurves(64).true_loss(config)


@pytest.mark.parametrize(
    "settings", [{"max_resource": 1}, {"crossing": -1}, {"cost_sd": math.nan}, {"noise_sd": math.inf}]
)
def test_wrong_arguments_of_crossing_curves_are_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        CrossingCurves(**settings)


# Content ---------------------------------------------------------------------------------------------------------


def test_a_fingerprint_is_of_the_content():
    prints = {
        it.fingerprint
        for it in (
            CountingOnes(4), CountingOnes(4, seed=1), CountingOnes(8), CrossingCurves(64), CrossingCurves(256),
            CrossingCurves(64, crossing=0.1), CrossingCurves(64, noise_sd=0.1),
        )
    }  # fmt: skip
    assert len(prints) == 7
    assert CountingOnes(4).fingerprint in prints


# Surrogates ------------------------------------------------------------------------------------------------------


def number(name, lower=0.0, upper=1.0, **more):
    return {"name": name, "type": "uniform_float", "log": False, "lower": lower, "upper": upper, **more}


def write_family(folder, family, *, choices, conditions=(), instances=("7", "11")):
    """A folder as YAHPO has it, without a network that could run: all hyperparameters from 0 to 1."""
    folder = folder / family
    folder.mkdir()
    columns = FAMILIES[family]
    words = {columns.instance: list(instances), **choices}
    hyperparameters = [
        *({"name": name, "type": "categorical", "choices": listed} for name, listed in words.items()),
        *map(number, columns.numbers),
    ]
    space = {"hyperparameters": hyperparameters, "conditions": list(conditions), "forbiddens": []}
    (folder / "config_space.json").write_text(json.dumps(space))
    codes = {
        name: {"#na#": 0} | {word: 1 + i for i, word in enumerate(listed)} for name, listed in words.items()
    }
    (folder / "encoding.json").write_text(json.dumps(codes))
    (folder / "model.onnx").write_bytes(b"")
    return folder


class Fake:
    """A network that answers with given columns, and remembers what it was asked."""

    def __init__(self, family, **columns):
        self.targets = FAMILIES[family].targets
        self.columns = columns
        self.asked = []

    def __call__(self, x_cat, x_cont):
        self.asked.append((x_cat, x_cont))
        out = np.zeros((len(x_cont), len(self.targets)), np.float32)
        for name, column in self.columns.items():
            out[:, self.targets.index(name)] = column(x_cont)
        return out


def lcbench(tmp_path, time=lambda x: 10 * x[:, 0], accuracy=lambda x: 50 + x[:, 0], **more):
    network = Fake("lcbench", time=time, val_accuracy=accuracy)
    folder = write_family(tmp_path, "lcbench", choices={})
    return Surrogate(folder, "11", network=network, **KNOWN, **more), network


def test_a_curve_over_epochs_is_one_call_of_the_network(tmp_path):
    problem, network = lcbench(tmp_path)
    (config,) = random_configs(problem, 1)
    assert set(config) == set(FAMILIES["lcbench"].numbers) - {"epoch"}
    assert problem.loss(config, 52) == problem.true_loss(config) == pytest.approx(1 - 1.02)
    assert problem.loss(config, 2) == pytest.approx(0.48)
    assert problem.seconds(0, config, 30) == pytest.approx(300)
    assert (problem.name, problem.min_resource, problem.max_resource, problem.unit, problem.resumes) == (
        "lcbench/11", 2, 52, "epoch", True,
    )  # fmt: skip
    ((x_cat, x_cont),) = network.asked
    assert x_cat.tolist() == [[2]] * 52
    assert x_cont[:, 0].tolist() == list(range(1, 53))
    names = FAMILIES["lcbench"].numbers[1:]
    assert x_cont[17, 1:].tolist() == np.array([config[name] for name in names], np.float32).tolist()


def test_a_curve_is_kept_whatever_the_order_of_the_names(tmp_path):
    problem, network = lcbench(tmp_path)
    (config,) = random_configs(problem, 1)
    problem.loss(config, 3)
    problem.loss(dict(reversed(config.items())), 3)
    assert len(network.asked) == 1
    swapped = {**config, "momentum": config["max_dropout"], "max_dropout": config["momentum"]}
    problem.loss(swapped, 3)
    assert len(network.asked) == 2


def test_the_oldest_curves_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "KEPT_CURVES", 3)
    problem, network = lcbench(tmp_path)
    configs = random_configs(problem, 4)
    for config in (*configs, configs[3], configs[0]):
        problem.loss(config, 1)
    assert len(network.asked) == 5
    assert len(problem._curves) == 3


def test_cumulative_seconds_never_fall(tmp_path):
    problem, _ = lcbench(tmp_path, time=lambda x: np.where(x[:, 0] == 10, 3.0, x[:, 0] - 2))
    (config,) = random_configs(problem, 1)
    seconds = [problem.seconds(0, config, epoch) for epoch in range(1, 53)]
    assert seconds == [LEAST_SECONDS, LEAST_SECONDS, *range(1, 8), 7, *range(9, 51)]


def test_predictions_that_are_not_finite(tmp_path):
    problem, _ = lcbench(
        tmp_path,
        time=lambda x: np.where(x[:, 0] == 1, 1, np.nan),
        accuracy=lambda x: np.where(x[:, 0] < 50, 90, np.inf),
    )
    (config,) = random_configs(problem, 1)
    assert problem.loss(config, 49) == pytest.approx(0.1)
    assert math.isnan(problem.loss(config, 52))
    assert problem.true_loss(config) == problem.worst == 1.0
    assert problem.regret(config) == pytest.approx(4.5)
    assert problem.seconds(0, config, 1) == 1
    assert problem.seconds(0, config, 2) == problem.full_seconds


XGBOOST = {
    "booster": ["gblinear", "gbtree", "dart"],
    "num.impute.selected.cpo": ["impute.mean", "impute.hist"],
}
CONDITIONS = [
    {"child": "eta", "parent": "booster", "type": "IN", "values": ["gbtree", "dart"]},
    {"child": "rate_drop", "parent": "booster", "type": "EQ", "value": "dart"},
]


def xgboost(tmp_path, time=lambda x: 100 * x[:, 12], **more):
    network = Fake("rbv2_xgboost", acc=lambda x: x[:, 12] / 2, timetrain=time)
    folder = write_family(tmp_path, "rbv2_xgboost", choices=XGBOOST, conditions=CONDITIONS)
    return Surrogate(folder, "7", network=network, **KNOWN, **more), network


def test_shares_of_the_training_set_are_whole_units(tmp_path):
    problem, network = xgboost(tmp_path)
    (config,) = random_configs(problem, 1)
    assert (problem.min_resource, problem.max_resource, problem.resumes) == (1, 27, False)
    assert [problem.loss(config, r) for r in (1, 3, 9, 27)] == pytest.approx(
        [1 - r / 54 for r in (1, 3, 9, 27)]
    )
    assert problem.seconds(0, config, 9) == pytest.approx(100 / 3)
    assert len(network.asked) == 1
    assert problem.loss(config, 5) == pytest.approx(1 - 5 / 54)
    assert problem.loss(config, 26) == pytest.approx(1 - 26 / 54)
    assert len(network.asked) == 2
    assert [len(x_cont) for _, x_cont in network.asked] == [4, 27]
    assert set(network.asked[0][1][:, 13]) == {10.0}  # repl


def test_what_is_inactive_goes_in_as_zero_and_is_refused_as_a_value(tmp_path):
    problem, network = xgboost(tmp_path)
    configs = {config["booster"]: config for config in random_configs(problem, 20)}
    eta, rate_drop = (FAMILIES["rbv2_xgboost"].numbers.index(name) for name in ("eta", "rate_drop"))
    for code, booster in enumerate(XGBOOST["booster"], start=1):
        config = configs[booster]
        problem.loss(config, 27)
        x_cat, x_cont = network.asked[-1]
        assert x_cat[0].tolist() == [
            1,
            code,
            1 + XGBOOST["num.impute.selected.cpo"].index(config["num.impute.selected.cpo"]),
        ]
        assert (x_cont[0, eta] != 0) == (booster != "gblinear")
        assert (x_cont[0, rate_drop] != 0) == (booster == "dart")
    with pytest.raises(SpaceError, match="'eta' is inactive"):
        problem.loss({**configs["gblinear"], "eta": 0.5}, 27)


def test_seconds_of_single_fits_do_not_fall_and_do_not_depend_on_what_else_is_asked(tmp_path):
    drawn = np.arange(28) / 10 + np.random.default_rng(0).random(28)
    problem, _ = xgboost(tmp_path, time=lambda x: drawn[np.round(27 * x[:, 12]).astype(int)])
    (config,) = random_configs(problem, 1)
    at_grid = [problem.seconds(0, config, resource) for resource in (1, 3, 9, 27)]
    everywhere = [problem.seconds(0, config, resource) for resource in range(1, 28)]
    assert [everywhere[resource - 1] for resource in (1, 3, 9, 27)] == at_grid
    assert everywhere == sorted(everywhere)
    assert len(set(everywhere)) > 4


def field(number, value):
    """A field of a protobuf message: an int, or bytes, or a str."""

    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def linear_network(weights, bias):
    """An ONNX model, by hand: the targets are weights @ [code of the instance, numbers] + bias."""

    def tensor(name, array):
        dims = b"".join(field(1, size) for size in array.shape)
        return field(5, dims + field(2, 1) + field(8, name) + field(9, array.astype("<f4").tobytes()))

    def value(name, kind, width):
        shape = field(1, field(2, "n")) + field(1, field(1, width))
        return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))

    def node(kind, inputs, output, attribute=b""):
        return field(
            1, b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind) + attribute
        )

    def integer(name, n):
        return field(5, field(1, name) + field(3, n) + field(20, 2))

    graph = (
        node("Cast", ["x_cat"], "codes", integer("to", 1))
        + node("Concat", ["codes", "x_cont"], "x", integer("axis", 1))
        + node("Gemm", ["x", "weights", "bias"], "y", integer("transB", 1))
        + field(2, "linear")
        + tensor("weights", weights)
        + tensor("bias", bias)
        + field(11, value("x_cat", 6, 1))
        + field(11, value("x_cont", 1, weights.shape[1] - 1))
        + field(12, value("y", 1, len(bias)))
    )
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


@pytest.fixture
def glmnet_folder(tmp_path):
    """mmce = code / 100 + alpha / 4 + trainsize / 2, timetrain = 1 + s."""
    folder = write_family(tmp_path, "iaml_glmnet", choices={})
    targets = FAMILIES["iaml_glmnet"].targets
    weights, bias = np.zeros((len(targets), 4)), np.zeros(len(targets))
    weights[targets.index("mmce")] = [0.01, 0.25, 0, 0.5]
    weights[targets.index("timetrain"), 2] = bias[targets.index("timetrain")] = 1
    (folder / "model.onnx").write_bytes(linear_network(weights, bias))
    return folder


def test_a_network_runs(glmnet_folder):
    first, second = (Surrogate(glmnet_folder, instance, **KNOWN) for instance in ("7", "11"))
    config = {"alpha": 0.5, "s": 0.25}
    assert first.loss(config, 27) == pytest.approx(0.01 + 0.125 + 0.5)
    assert second.loss(config, 9) == pytest.approx(0.02 + 0.125 + 0.5 / 3)
    assert second.seconds(3, config, 9) == pytest.approx(1.25)
    again = pickle.loads(pickle.dumps(second))
    assert again.loss({"alpha": 0.0, "s": 0.0}, 27) == pytest.approx(0.52)


def test_without_onnx_runtime_the_extra_is_named(glmnet_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    problem = Surrogate(glmnet_folder, "7", **KNOWN)
    with pytest.raises(SettingError, match=r"pip install 'paceline\[benchmarks\]'"):
        problem.loss({"alpha": 0.5, "s": 0.25}, 27)


@pytest.mark.parametrize("file", ["model.onnx", "config_space.json", "encoding.json"])
def test_a_file_of_a_surrogate_that_is_missing_is_named(glmnet_folder, file):
    (glmnet_folder / file).unlink()
    with pytest.raises(SettingError, match=file) as caught:
        Surrogate(glmnet_folder, "7", **KNOWN)
    assert "YAHPO Gym data repository" in str(caught.value)


def test_surrogates_that_cannot_be_are_refused(glmnet_folder, tmp_path):
    with pytest.raises(SettingError, match="did you mean '11'"):
        Surrogate(glmnet_folder, "111", **KNOWN)
    with pytest.raises(SettingError, match="instance='#na#'"):
        Surrogate(glmnet_folder, "#na#", **KNOWN)
    with pytest.raises(SettingError, match="'rbv2_rpart'"):
        Surrogate(tmp_path, "7", **KNOWN)
    with pytest.raises(SettingError, match=r"differs in \['alpha', 'cp', 'max"):
        Surrogate(glmnet_folder, "7", family="rbv2_rpart", **KNOWN)
    with pytest.raises(SettingError, match="less than the median"):
        Surrogate(glmnet_folder, "7", best=0.3, median=0.3, full_seconds=1.0)
    with pytest.raises(SettingError, match="min_resource=27"):
        Surrogate(glmnet_folder, "7", min_resource=27, **KNOWN)


def test_numbers_that_are_no_numbers_are_refused(glmnet_folder):
    (glmnet_folder / "encoding.json").write_text('{"task_id": {"7": "one"}}')
    with pytest.raises(SettingError, match=r"encoding\.json.*`int`"):
        Surrogate(glmnet_folder, "7", **KNOWN)


def test_words_without_numbers_are_refused(glmnet_folder):
    (glmnet_folder / "encoding.json").write_text("{}")
    with pytest.raises(SettingError, match=r"\['task_id'\] in encoding\.json"):
        Surrogate(glmnet_folder, "7", **KNOWN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (linear_network(np.zeros((3, 4)), np.zeros(3)), "12 targets"),
    ],
)
def test_another_network_is_refused(glmnet_folder, content, message):
    (glmnet_folder / "model.onnx").write_bytes(content)
    problem = Surrogate(glmnet_folder, "7", **KNOWN)
    with pytest.raises(SettingError, match=message):
        problem.loss({"alpha": 0.5, "s": 0.25}, 27)


# A folder of data ------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path, table_folder, glmnet_folder):
    tasks = [
        {"name": "taskset/made_up", "kind": "taskset", "file": "taskset/made_up.npz"},
        {"name": "iaml_glmnet/7", "kind": "surrogate", "folder": "iaml_glmnet", "instance": "7"},
        {"name": "iaml_glmnet/11", "kind": "surrogate", "folder": "iaml_glmnet", "instance": "11"},
        {"name": "fcnet/protein_structure", "kind": "grid", "file": "fcnet/protein_structure.npz"},
    ]
    known = {"best": 0.1, "median_random": 0.3, "seconds_full": {"mean": 1.5, "median": 1.0}, "more": 3}
    (tmp_path / "manifest.json").write_text(json.dumps({"tasks": tasks}))
    (tmp_path / "references.json").write_text(json.dumps({"iaml_glmnet/7": known, "taskset/made_up": {}}))
    return tmp_path


def test_a_folder_gives_what_its_manifest_lists(data, monkeypatch):
    benchmarks = load(data)
    assert list(benchmarks) == ["taskset/made_up", "iaml_glmnet/7", "iaml_glmnet/11"]
    assert benchmarks.names("iaml_glmnet") == ["iaml_glmnet/7", "iaml_glmnet/11"]
    surrogate = benchmarks["iaml_glmnet/7"]
    assert (surrogate.best, surrogate.median, surrogate.full_seconds) == (0.1, 0.3, 1.5)
    assert surrogate is benchmarks["iaml_glmnet/7"]
    assert repr(benchmarks["taskset/made_up"]) == "<Table taskset/made_up>"
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
        SettingError, match=r"PACELINE_DATA.*YAHPO Gym data repository.*TaskSet.*benchmarks\.md"
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


# The real data ---------------------------------------------------------------------------------------------------

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


@needs_data
def test_real_best_configs_have_the_losses_that_are_known(real, references):
    for name, benchmark in real.items():
        known = references[name]
        if "best_config" in known:
            config = known["best_config"]
            assert benchmark.true_loss(config) == pytest.approx(known["best"], abs=1e-5), name
            seconds = benchmark.seconds(0, config, benchmark.max_resource)
            assert seconds >= known["seconds_full"]["best_config"] * (1 - 1e-3), name
        else:
            config = benchmark.config(known["best_row"])
            assert benchmark.true_loss(config) == benchmark.best == pytest.approx(known["best"]), name
            assert benchmark.median == pytest.approx(known["median_random"]), name
            assert benchmark.initial_loss == pytest.approx(known["initial_loss"]), name
        assert benchmark.regret(config) == pytest.approx(0, abs=1e-4), name


@needs_data
def test_half_of_real_random_configs_are_worse_than_the_median(real):
    for name, benchmark in real.items():
        if benchmark.family != "taskset":  # there, proposals stand for rows, and not for each as often
            regrets = [benchmark.regret(config) for config in random_configs(benchmark, 150)]
            assert 0.35 < np.mean(np.array(regrets) < 1) < 0.65, name


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
