"""Networks that were fitted to curves: what goes in, what comes out, what is kept of it."""

import math
import pickle
import sys

import numpy as np
import pytest

from paceline.benchmarks import Surrogate, base
from paceline.benchmarks.base import LEAST_SECONDS
from paceline.benchmarks.families import FAMILIES
from paceline.errors import SettingError, SpaceError

from .making import KNOWN, Fake, linear_network, random_configs, write_family


def lcbench(tmp_path, time=lambda x: 10 * x[:, 0], accuracy=lambda x: 50 + x[:, 0], **more):
    network = Fake("lcbench", time=time, val_accuracy=accuracy)
    folder = write_family(tmp_path, "lcbench", choices={})
    return Surrogate(folder, "11", network=network, **KNOWN, **more), network


EPOCHS = [list(range(1, 5)), list(range(5, 9)), list(range(9, 21)), list(range(21, 53))]


def test_a_curve_over_epochs_is_a_call_of_the_network_for_each_piece(tmp_path):
    problem, network = lcbench(tmp_path)
    (config,) = random_configs(problem, 1)
    assert set(config) == set(FAMILIES["lcbench"].numbers) - {"epoch"}
    assert problem.loss(config, 52) == problem.true_loss(config) == pytest.approx(1 - 1.02)
    assert problem.loss(config, 2) == pytest.approx(0.48)
    assert problem.seconds(0, config, 30) == pytest.approx(300)
    assert (problem.name, problem.min_resource, problem.max_resource, problem.unit, problem.resumes) == (
        "lcbench/11", 2, 52, "epoch", True,
    )  # fmt: skip
    names = FAMILIES["lcbench"].numbers[1:]
    for (x_cat, x_cont), epochs in zip(network.asked, EPOCHS, strict=True):
        assert x_cat.tolist() == [[2]] * len(epochs)
        assert x_cont[:, 0].tolist() == epochs
        assert x_cont[1, 1:].tolist() == np.array([config[name] for name in names], np.float32).tolist()


def test_a_piece_is_computed_when_it_is_asked_for_and_once(tmp_path):
    problem, network = lcbench(tmp_path)
    (config,) = random_configs(problem, 1)
    for epoch, n_calls in ((2, 1), (1, 1), (6, 2), (4, 2), (18, 3), (52, 4), (30, 4), (2, 4)):
        problem.seconds(0, config, epoch)
        problem.loss(config, epoch)
        assert len(network.asked) == n_calls, epoch


def test_answers_do_not_depend_on_what_was_asked_before(tmp_path):
    """Though this network, as real ones do, says something else of a row when there are others beside it."""
    noisy = {
        "time": lambda x: 100 - 10 * np.sin(x[:, 0]) + len(x) / 1e3,
        "accuracy": lambda x: 50 + x[:, 0] + len(x) / 1e3,
    }
    orders = [range(1, 53), range(52, 0, -1), (18, 2, 52, 7, *range(1, 53))]
    curves = []
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        problem, _ = lcbench(folder, **noisy)
        (config,) = random_configs(problem, 1)
        for epoch in order:
            problem.loss(config, epoch)
            problem.seconds(0, config, epoch)
        curves.append(
            [(problem.loss(config, epoch), problem.seconds(0, config, epoch)) for epoch in range(1, 53)]
        )
    assert curves[0] == curves[1] == curves[2]
    seconds = [seconds for _, seconds in curves[0]]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) > 4


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
    assert [len(x_cont) for _, x_cont in network.asked] == [4, 23]
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
