"""Benchmarks that are code: counting ones, curves that cross, and the toy of population based training."""

import math
import subprocess
import sys
from statistics import fmean, pvariance

import numpy as np
import pytest

from paceline.benchmarks import CountingOnes, CrossingCurves, PBTToy
from paceline.errors import SettingError
from paceline.events import Budget, Reported
from paceline.schedulers.asha import ASHA
from paceline.schedulers.pbt import PBT
from paceline.simulation import simulate

from .making import random_configs


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
    even = CrossingCurves(4, cost_sd=0.0)
    assert {even.seconds(0, config, 1) for config in configs} == {1.0}


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


# The toy of population based training ----------------------------------------------------------------------------


@pytest.mark.parametrize("config", [{"h0": 1.0, "h1": 0.0}, {"h0": 0.25, "h1": 0.75}, {"h0": 0.0, "h1": 0.0}])
def test_the_toy_is_trained_as_its_closed_form_says(config):
    toy = PBTToy(200)
    theta, state = np.array([0.9, 0.9]), toy.begin(config, np.random.default_rng(0))
    for step in range(0, 200, 8):
        state, metrics = toy.train(state, config, step, step + 8, np.random.default_rng(0))
        for _ in range(8):  # gradient ascent on 1.2 - (h0 θ0² + h1 θ1²)
            theta = theta - 0.01 * 2 * np.array([config["h0"], config["h1"]]) * theta
        assert metrics["loss"] == pytest.approx(float((theta**2).sum()) - 1.2, abs=1e-12)
        assert metrics["loss"] == pytest.approx(toy.loss(config, step + 8), abs=1e-12)
    assert state.shape == (201, 2)
    assert toy.true_loss(config) == pytest.approx(metrics["loss"], abs=1e-12)


def test_what_is_known_of_the_toy():
    toy = PBTToy(200)
    assert toy.true_loss({"h0": 1.0, "h1": 0.0}) == pytest.approx(-0.3897, abs=5e-5)  # each half alone
    assert toy.regret({"h0": 1.0, "h1": 1.0}) == 0
    assert toy.best == pytest.approx(2 * 0.81 * 0.98**400 - 1.2)
    losses = [toy.true_loss(config) for config in random_configs(toy, 2000)]
    assert min(losses) > toy.best
    assert 0.46 < fmean(loss < toy.median for loss in losses) < 0.54


def test_the_toy_is_scored_by_what_was_observed():
    toy = PBTToy(200)
    config = {"h0": 0.0, "h1": 0.0}  # with which nothing was ever learned, unless by another
    assert toy.scored(config, toy.best) == (0.0, toy.best)
    assert toy.scored(config, toy.median) == (1.0, toy.median)
    curves = CrossingCurves(4)
    (config,) = random_configs(curves, 1)
    assert curves.scored(config, 0.123) == (curves.regret(config), curves.true_loss(config))


def test_on_the_toy_a_copy_of_weights_combines_two_halves():
    toy = PBTToy(200)
    halves = [{"h0": 1.0, "h1": 0.0}, {"h0": 0.0, "h1": 1.0}]
    method = PBT(
        max_resource=200, interval=4, population_size=2, exploit="tournament", copies="weights", explore=None
    )
    end = simulate(method, toy.space, toy, points=halves)
    assert end.ledger.incumbent().loss < -1.15
    assert min(toy.true_loss(state.trial.config) for state in end.ledger.trials) > -0.4


@pytest.mark.parametrize(
    "settings",
    [{"max_resource": 4}, {"rate": 0.0}, {"rate": 0.5}, {"rate": 0.1, "high": 5.0}, {"high": 0.0}, {"high": math.inf}],
)  # fmt: skip
def test_wrong_arguments_of_the_toy_are_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        PBTToy(**settings)


# Content ---------------------------------------------------------------------------------------------------------


def test_a_fingerprint_is_of_the_content():
    prints = {
        it.fingerprint
        for it in (
            CountingOnes(4), CountingOnes(4, seed=1), CountingOnes(8), CrossingCurves(64), CrossingCurves(256),
            CrossingCurves(64, crossing=0.1), CrossingCurves(64, noise_sd=0.1),
            PBTToy(200), PBTToy(100), PBTToy(200, rate=0.02), PBTToy(200, high=4.0),
        )
    }  # fmt: skip
    assert len(prints) == 11
    assert CountingOnes(4).fingerprint in prints
