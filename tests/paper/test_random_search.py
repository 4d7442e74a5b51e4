"""Bergstra and Bengio 2012: independent draws from the space, each trained to the full resource."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from paceline.events import Budget, JobIssued, Outcome, Reported
from paceline.schedulers.asha import ASHA
from paceline.schedulers.single_fidelity import RandomSearch
from paceline.simulation import UnitTraining, simulate
from paceline.space import Categorical, Float, Integer

SPACE = {
    "lr": Float(1e-4, 1e-1, log=True),
    "width": Integer(1, 8),
    "kind": Categorical(["a", "b", "c"]),
    "momentum": Float(0.0, 0.9, when={"kind": "a"}),
}


def study(losses, n=40, scheduler=None, **more):
    scheduler = scheduler or RandomSearch(max_resource=5)
    return simulate(scheduler, SPACE, UnitTraining(losses), budget=Budget(trials=n), **more)


def configs(result):
    return [state.trial.config for state in result.ledger.trials]


@pytest.fixture(scope="module")
def many():
    return configs(study([0.0], n=4000))


def test_what_is_drawn_depends_on_no_history():
    """Neither on losses, workers, stragglers and failures, nor on which scheduler asks."""
    plain = configs(study([1.0, 2.0, 3.0]))
    assert configs(study([3.0, math.nan, -1.0], workers=7)) == plain
    dropped = study(
        [1.0, 2.0], workers=3, straggler_sd=1.0, drop_rate=0.05, drop_outcome=Outcome.FAILED, retries=1
    )
    assert dropped.ledger.outcomes[Outcome.FAILED] > 0
    assert configs(dropped) == plain
    assert configs(study([1.0, 2.0, 3.0], scheduler=ASHA(max_resource=9))) == plain
    assert configs(study([1.0, 2.0, 3.0], seed=1)) != plain


def test_every_trial_uses_the_full_resource():
    result = study([1.0, math.inf, 0.5], workers=4)
    assert {(e.job.start, e.job.target) for _, e in result.entries if isinstance(e, JobIssued)} == {(0, 5)}
    assert {state.resource for state in result.ledger.trials} == {5}


def test_the_incumbent_only_improves():
    best, curve = math.inf, []
    for _, event in study([(29 * i) % 41 for i in range(41)]).entries:
        if isinstance(event, Reported):
            best = min(best, event.metrics["loss"])
            curve.append(best)
    assert all(later <= earlier for earlier, later in pairwise(curve))
    assert study([(29 * i) % 41 for i in range(41)]).ledger.incumbent().loss == curve[-1]


def test_numbers_are_uniform_on_their_scale(many):
    """With a fixed seed; of a good sampler, one seed in a thousand would fail each."""
    rates = np.log([config["lr"] for config in many])
    low, high = math.log(1e-4), math.log(1e-1)
    assert stats.kstest(rates, stats.uniform(low, high - low).cdf).pvalue > 1e-3
    for name, n_values in (("width", 8), ("kind", 3)):
        counts = np.unique([config[name] for config in many], return_counts=True)[1]
        assert len(counts) == n_values
        assert stats.chisquare(counts).pvalue > 1e-3


def test_draws_are_independent_of_each_other_and_of_the_draw_before(many):
    rates = np.log([config["lr"] for config in many])
    widths = np.array([config["width"] for config in many])
    assert abs(stats.spearmanr(rates[1:], rates[:-1]).statistic) < 4 / math.sqrt(len(many))
    assert abs(stats.spearmanr(rates, widths).statistic) < 4 / math.sqrt(len(many))


def test_inactive_hyperparameters_are_absent(many):
    assert all(("momentum" in config) == (config["kind"] == "a") for config in many)
