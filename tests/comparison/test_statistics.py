"""Intervals, tests and ranks against other libraries', and where the answer is known."""

import math

import numpy as np
import pytest
from scipy import stats

from paceline.comparison.statistics import band, holm, mean_interval, pairs, ranks, wilcoxon


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p_values = dict(enumerate(np.random.default_rng(0).uniform(size=20) ** 3))
    expected = multipletests(list(p_values.values()), method="holm")[1]
    assert list(holm(p_values).values()) == pytest.approx(list(expected))


def test_an_interval_has_the_mean_in_it_and_narrows_with_seeds():
    rng = np.random.default_rng(1)
    few, many = mean_interval(rng.normal(size=20)), mean_interval(rng.normal(size=2000))
    for it in (few, many):
        assert it.low < it.value < it.high
    assert many.high - many.low < 0.2 < few.high - few.low


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    found = [mean_interval(rng.normal(size=30)) for _ in range(400)]
    assert 0.89 <= np.mean([it.low <= 0.0 <= it.high for it in found]) <= 0.98


def test_a_band_is_an_interval_at_each_point():
    samples = np.random.default_rng(3).normal(size=(5, 25))
    mean, low, high = band(samples)
    for at in range(5):
        it = mean_interval(samples[at])
        assert (mean[at], low[at], high[at]) == pytest.approx((it.value, it.low, it.high))


def test_wilcoxon_is_that_of_scipy_and_1_for_equal_samples():
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=20), rng.normal(size=20) + 0.5
    assert wilcoxon(first, second) == pytest.approx(stats.wilcoxon(first, second).pvalue)
    assert wilcoxon(first, first) == 1.0


def test_ranks_share_ties_and_the_critical_difference_is_demsars():
    # Demšar 2006, table 5: q = 2.728 for five methods at 0.05; CD = q sqrt(5·6/(6·30))
    values = np.tile([1.0, 2.0, 2.0, 4.0, 5.0], (30, 1))
    found = ranks(values)
    assert found.average == (1.0, 2.5, 2.5, 4.0, 5.0)
    assert found.critical_difference == pytest.approx(2.728 * math.sqrt(30 / 180), abs=1e-3)
    assert found.friedman_p < 1e-10


def test_two_methods_have_no_friedman_test():
    assert math.isnan(ranks(np.array([[1.0, 2.0], [2.0, 1.0]])).friedman_p)


def test_pairs_find_the_worse_one_and_where():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(3, 2, 40))
    values[1, 1] += 3.0  # the second method is worse on one task only
    (pair,) = pairs(values, ["a", "b"], ["x", "y", "z"])
    assert pair.difference.value < 0
    assert (pair.better_on, pair.worse_on) == (("y",), ())
    assert pair.p < 0.01


def test_adjustment_is_over_pairs_and_tasks_together():
    rng = np.random.default_rng(6)
    values = rng.normal(size=(6, 2, 20))
    values[0, 1] = values[0, 0] + rng.normal(0.3, 0.6, size=20)
    alone = wilcoxon(values[0, 0], values[0, 1])
    assert alone < 0.05
    (pair,) = pairs(values, ["a", "b"], list("uvwxyz"), level=alone * 1.5)
    assert not pair.better_on
