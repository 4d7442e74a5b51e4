"""Falkner et al. 2018: the split, the densities, the candidates and the proposals, property by property."""

import math
import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from paceline.density import Density, Layout
from paceline.errors import SettingError
from paceline.events import (
    Budget,
    JobIssued,
    Outcome,
    PointsGiven,
    StudyOpened,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.rng import uniforms_for
from paceline.samplers.kde import KDE
from paceline.samplers.random import Random
from paceline.schedulers.asha import ASHA
from paceline.schedulers.bohb import BOHB
from paceline.schedulers.hyperband import Hyperband, bracket_sizes
from paceline.schedulers.single_fidelity import FullResource
from paceline.settings import Settings
from paceline.simulation import UnitTraining, simulate
from paceline.space import Categorical, Constant, Constraint, Float, Integer, Ordinal, Space
from paceline.testing.studies import Puppet

LINE = Space({"x": Float(0, 1)})
MIXED = Space(
    {
        "momentum": Float(0, 1, when={"kind": "sgd"}),  # the conditional one comes first
        "kind": Categorical(["sgd", "adam", "lion"]),
        "lr": Float(1e-5, 1, log=True),
        "width": Integer(1, 512, log=True),
        "decay": Ordinal([0.0, 1e-4, 1e-2]),
        "one": Constant(1),
    }
)
MODEL = KDE(random_fraction=0)


def told(results, sampler=MODEL, *, space=LINE, seed=0):
    """A study at full resource in which these configs had these losses."""
    study = Puppet(FullResource(sampler=sampler), space=space, seed=seed, retries=0)
    study.record(PointsGiven(tuple(config for config, _ in results)))
    for _, loss in results:
        study.complete(study.take(), loss)
    return study


def drawn_and_told(n, sampler=MODEL, *, space=LINE, seed=0, loss=lambda config: config["x"]):
    """The same for configs of the study's own."""
    study = Puppet(FullResource(sampler=sampler), space=space, seed=seed)
    for _ in range(n):
        job = study.take()
        study.complete(job, loss(study.ledger.trials[job.trial].trial.config))
    return study


def random_and_told(n, sampler=MODEL, *, space=LINE, seed=0, loss=lambda config: config["x"]):
    """The same for configs that were drawn at random."""
    source = uniforms_for(seed, "a test")
    configs = [space.sample(source) for _ in range(n)]
    return told([(config, loss(config)) for config in configs], sampler, space=space, seed=seed)


def proposal(sampler, trial):
    """The config, and what the sampler says that it was modelled on."""
    reason = sampler.explain(trial)
    found = re.fullmatch(r"its config is like the best (\d+) and unlike the other (\d+) at (\d+)", reason)
    assert found or "at random" in reason
    n_good, n_bad, resource = map(int, found.groups()) if found else (0, 0, None)
    return SimpleNamespace(config=sampler.propose(trial), resource=resource, n_good=n_good, n_bad=n_bad)


def proposals(study, n):
    """What would be proposed for the next n trials, now."""
    first = study.ledger.next_trial
    return [proposal(study.scheduler.sampler, TrialId(first + ahead)) for ahead in range(n)]


# 1: brackets -----------------------------------------------------------------------------------------------------------


def test_one_sweep_is_the_table_of_the_authors_code():
    settings = BOHB(max_resource=81, sweeps=1)
    assert [shape.sizes for shape in settings.shapes()] == [
        (81, 27, 9, 3, 1),
        (27, 9, 3, 1),
        (9, 3, 1),
        (6, 2),
        (5,),
    ]
    assert [shape.resources for shape in settings.shapes()] == [(1, 3, 9, 27, 81)[s:] for s in range(5)]
    study = simulate(settings, LINE, UnitTraining([17 * i % 101 / 101 for i in range(101)]), workers=5)
    trained = [tuple(rung.n_results for rung in bracket.rungs) for bracket in study.scheduler.view()]
    assert trained == [shape.sizes for shape in settings.shapes()]


@pytest.mark.parametrize(("eta", "max_resource"), [(2, 16), (3, 100), (4, 256)])
def test_the_sizes_are_those_of_its_rule(eta, max_resource):
    shapes = BOHB(max_resource=max_resource, reduction_factor=eta).shapes()
    assert [shape.sizes[0] for shape in shapes] == bracket_sizes(max_resource, eta, rule="hpbandster")


def test_sweeps_follow_each_other_without_end():
    settings = BOHB(max_resource=9)
    assert settings.is_endless
    study = simulate(settings, LINE, UnitTraining([0.5, 0.25]), budget=Budget(trials=60))
    sizes = [len(bracket.rungs) for bracket in study.scheduler.view()]
    assert sizes == [3, 2, 1] * (len(sizes) // 3) + [3, 2, 1][: len(sizes) % 3]


# 2, 3: when there is a model, and of what ------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "least"), [("hpbandster", 2 * (3 + 1)), ("paper", 3 + 3)])
def test_until_there_are_enough_results_all_is_random_and_then_a_share(rule, least):
    """Three hyperparameters: the constants do not count."""
    space = Space(
        {"x": Float(0, 1), "one": Constant(1), "y": Float(0, 1), "z": Float(0, 1), "two": Constant("b")}
    )
    n, rho = 3000, 1 / 3
    for n_results in range(least + 1):
        study = drawn_and_told(n_results, KDE(min_points_rule=rule), space=space)
        found = proposals(study, 40 if n_results < least else n)
        if n_results < least:
            assert all(proposal.resource is None for proposal in found)
            random = Puppet(FullResource(), space=space).scheduler.sampler
            first = study.ledger.next_trial
            assert [proposal.config for proposal in found] == [
                random.propose(first + ahead) for ahead in range(40)
            ]
    n_random = sum(proposal.resource is None for proposal in found)
    assert stats.binomtest(n_random, n, rho).pvalue > 1e-4


@pytest.mark.parametrize("rule", ["hpbandster", "paper"])
@pytest.mark.parametrize("n", [8, 9, 27, 40, 100])
def test_the_split(rule, n):
    """Bad are those that are not good; with the paper's rule, N_min of the worst at least, though they be good too."""
    study = drawn_and_told(n, KDE(random_fraction=0, min_points_rule=rule, min_points=4))
    (one,) = proposals(study, 1)
    n_good = max(4, 15 * n // 100)
    assert (one.n_good, one.n_bad) == (n_good, max(4, n - n_good))


def test_more_good_results_than_the_limit_are_not_good():
    (one,) = proposals(drawn_and_told(100, KDE(random_fraction=0, max_good=5)), 1)
    assert (one.n_good, one.n_bad) == (5, 95)


def test_the_model_is_of_the_largest_resource_with_enough_results_and_never_of_a_smaller_one_again():
    study = Puppet(ASHA(max_resource=27, sampler=MODEL), space=LINE)
    seen = [0]
    for step in range(250):
        running = [found.job for found in study.ledger.running.values()]
        while len(running) < 3:
            running.append(study.take())
        job = running[step * 7 % 3]
        study.complete(job, math.nan if job.trial % 5 == 0 else job.trial * 37 % 101 / 101)
        (one,) = proposals(study, 1)
        rungs = study.scheduler.view()[0].rungs
        enough = [rung.resource for rung in rungs if rung.n_results - max(2, 15 * rung.n_results // 100) >= 2]
        assert one.resource == max(enough, default=None)
        seen.append(one.resource or 0)
    assert all(before <= after for before, after in pairwise(seen))
    assert set(seen) == {0, 1, 3, 9, 27}


# 4: conditionals -------------------------------------------------------------------------------------------------------


def test_a_first_column_that_is_inactive_is_no_trouble():
    """The authors' code asked np.any of its index, 0, and left it undefined; here no good result has a momentum."""
    good = [({"kind": "adam", "lr": 1e-3, "width": 8, "decay": 0.0, "one": 1}, 0.0)] * 7
    bad = [({"momentum": 0.5, "kind": "sgd", "lr": 1e-1, "width": 64, "decay": 1e-2, "one": 1}, 1.0)] * 9
    for results in (good + bad, [(config, 1 - loss) for config, loss in good + bad]):
        found = proposals(told(results, space=MIXED), 50)
        assert all(proposal.resource == 1 for proposal in found)
        assert all(MIXED.validate(proposal.config) == proposal.config for proposal in found)
        best = min(results, key=lambda result: result[1])[0]["kind"]
        assert sum(proposal.config["kind"] == best for proposal in found) > 40


def test_a_parameter_that_was_never_active_is_drawn_uniformly_once_for_each_trial():
    rest = {"kind": "adam", "width": 8, "decay": 0.0, "one": 1}
    study = told([(rest | {"lr": 10.0 ** -(1 + i % 4)}, i / 200) for i in range(200)], space=MIXED)
    column = study.scheduler.sampler._results[1].rows[:, 0]
    assert stats.kstest(column, "uniform").pvalue > 1e-3
    again = study.folded().scheduler.sampler._results[1].rows[:, 0]
    assert (column == again).all()


# 5, 7: candidates ------------------------------------------------------------------------------------------------------


def test_candidates_are_three_bandwidths_wide():
    density = Density(np.full((20, 1), 0.5), Layout([0]), spread=0.05)
    bandwidth = 1.06 * 0.05 * 20 ** (-1 / 5)
    assert density.number_bandwidths == pytest.approx([bandwidth])
    drawn = density.draw(40_000, np.random.default_rng(0), factor=3.0)
    assert drawn.std() == pytest.approx(3 * bandwidth, rel=0.02)
    assert drawn.mean() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("centre", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sd", [0.01, 0.5, 0.99, 1.01, 1.6, 50.0, 1000.0])
def test_candidates_have_the_truncated_normal_law(centre, sd):
    """Neither clipped, which would put them on the bounds, nor folded."""
    density = Density(np.full((1, 1), centre), Layout([0]), spread=0.5)
    drawn = density.draw(4000, np.random.default_rng(1), factor=sd / density.number_bandwidths[0])[:, 0]
    law = stats.truncnorm((0 - centre) / sd, (1 - centre) / sd, centre, sd)
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


def test_names_are_kept_or_drawn_from_all():
    """With probability 1 - h a candidate keeps the name of its observation; else any, itself included."""
    layout = Layout([4])
    rows = layout.rows(np.array([[0.1]] * 9 + [[0.4]]))
    density = Density(rows, layout)
    h = density.name_bandwidths[0]
    counts = density.draw(40_000, np.random.default_rng(2), factor=3.0).sum(axis=0)
    expected = 40_000 * ((1 - h) * np.array([0.9, 0.1, 0, 0]) + h / 4)
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_where_both_densities_are_the_same_any_candidate_is_accepted():
    """Each config is good once and bad once, so that proposals have the law of the candidates: uniform, as it is here."""
    configs = [{"x": (i + 0.5) / 40} for i in range(40)]
    settings = KDE(random_fraction=0, top_fraction=0.5, spread=0.001)
    results = [(config, loss) for loss in (0.0, 1.0) for config in configs]
    found = [proposal.config["x"] for proposal in proposals(told(results, settings), 1500)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_the_accepted_candidate_is_the_one_with_the_largest_ratio():
    """By hand: the same candidates, the plain product of plain kernels."""
    study = random_and_told(30, loss=lambda config: abs(config["x"] - 0.7))
    ranked = sorted((abs(s.trial.config["x"] - 0.7), s.trial.config["x"]) for s in study.ledger.trials)
    x = np.array([x for _, x in ranked])
    good, bad = x[:4], x[4:]

    def density(at, observed):
        h = max(1e-3, 1.06 * observed.std() * len(observed) ** (-1 / 5))
        return stats.norm.pdf(at[:, None], observed, h).mean(axis=1)

    asked = []
    draw = Density.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Density, "draw", lambda *a, **k: asked.append(draw(*a, **k)) or asked[-1])
        found = proposals(study, 30)
        for proposal, drawn in zip(found, asked[::2], strict=True):  # each was asked what, and why
            candidates = drawn[:, 0]
            assert len(candidates) == 64
            ratio = density(candidates, good) / density(candidates, bad)
            assert proposal.config["x"] == candidates[ratio.argmax()]
    assert {proposal.n_good for proposal in found} == {4}


# 6: only ranks ---------------------------------------------------------------------------------------------------------


class Curves:
    """Learning curves over a mixed space that cross; some trials diverge."""

    def __init__(self, transform=lambda loss: loss):
        self.transform = transform

    def metrics(self, trial, config, resource):
        if trial % 11 == 5:
            return {"loss": None}
        loss = abs(math.log10(config["lr"]) + 2) + config.get("momentum", 0.5) + trial * 5 % 7 / resource
        return {"loss": self.transform(loss)}

    def seconds(self, trial, config, resource):
        return resource * (1 + trial % 3 / 10)


@pytest.mark.parametrize(
    "settings", [BOHB(max_resource=9, sweeps=4), ASHA(max_resource=9, sampler=KDE(), hedge=0.2)]
)
def test_a_monotone_map_of_the_losses_changes_no_event_but_the_reports(settings):
    def decided(transform):
        budget = Budget(trials=90)
        study = simulate(settings, MIXED, Curves(transform), workers=4, budget=budget, straggler_sd=0.3)
        assert any(proposal(study.scheduler.sampler, trial).resource is not None for trial in range(200, 220))
        return [event for _, event in study.entries if isinstance(event, TrialCreated | JobIssued)]

    plain = decided(lambda loss: loss)
    assert decided(lambda loss: 1e6 * loss - 1e7) == plain
    assert decided(math.exp) == plain
    assert decided(lambda loss: -1 / (1 + loss)) == plain


# 8: it works -----------------------------------------------------------------------------------------------------------


def test_on_a_quadratic_the_median_proposal_comes_near():
    distances = {}
    for sampler in (MODEL, Random()):
        found = []
        for seed in range(5):
            study = drawn_and_told(50, sampler, seed=seed, loss=lambda config: (config["x"] - 0.2) ** 2)
            ahead = [study.scheduler.sampler.propose(TrialId(50 + i)) for i in range(30)]
            found.append(np.median([abs(config["x"] - 0.2) for config in ahead]))
        distances[type(sampler)] = found
    assert max(distances[KDE]) < 0.1
    assert min(distances[Random]) > 0.1


# 9, 10: degenerate results ---------------------------------------------------------------------------------------------


def test_good_results_that_are_all_the_same_have_the_least_bandwidth():
    study = told([({"x": 0.3}, 0.0)] * 6 + [({"x": i / 20}, 1.0) for i in range(20)])
    (one,) = proposals(study, 1)
    assert one.n_good == 3
    good = study.scheduler.sampler._densities(1)[0]
    assert good.number_bandwidths == [1e-3]
    assert all(abs(found.config["x"] - 0.3) < 0.015 for found in proposals(study, 50))


@pytest.mark.parametrize("loss", [0.5, math.inf, math.nan])
def test_losses_that_are_all_the_same_are_no_trouble(loss):
    study = drawn_and_told(40, space=MIXED, loss=lambda config: loss)
    for proposal in proposals(study, 40):
        assert proposal.resource == 1
        assert MIXED.validate(proposal.config)


def test_a_name_that_no_good_result_has_keeps_finite_scores():
    """The authors' code counted the names that it saw, and divided by none."""
    layout = Layout([0, 3])
    rows = layout.rows(np.array([[0.1, 0.2], [0.2, 0.2], [0.3, 0.2]]))
    unseen = layout.rows(np.array([[0.1, 0.5], [0.9, 0.9]]))
    assert np.isfinite(Density(rows, layout).log(unseen)).all()
    space = Space({"x": Float(0, 1), "c": Categorical(["seen", "bad", "never"])})
    results = [({"x": i / 9, "c": "seen"}, 0.0) for i in range(9)] + [
        ({"x": i / 9, "c": "bad"}, 1.0) for i in range(9)
    ]
    found = [proposal.config["c"] for proposal in proposals(told(results, space=space), 100)]
    assert found.count("bad") < found.count("seen")


# 11, 12: journals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [BOHB(max_resource=9), ASHA(max_resource=9, sampler=KDE())])
def test_the_seed_decides(settings):
    def entries(seed):
        return simulate(settings, MIXED, Curves(), workers=3, budget=Budget(trials=60), seed=seed).entries

    assert entries(1) == entries(1)
    assert entries(1) != entries(2)


SMALL = Space(
    {"a": Integer(1, 4), "b": Categorical(["u", "v"])},
    [Constraint("no", lambda c: c["a"] < 4 or c["b"] == "u")],
)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("space", [MIXED, SMALL], ids=["mixed", "finite"])
@pytest.mark.parametrize(
    ("with_model", "without"),
    [
        (
            BOHB(max_resource=9, sampler=KDE(random_fraction=1, lie=False)),
            Hyperband(max_resource=9, sweeps=None, bracket_rule="hpbandster"),
        ),
        (Hyperband(max_resource=9, sampler=KDE(random_fraction=1.0)), Hyperband(max_resource=9)),
        (ASHA(max_resource=9, sampler=KDE(random_fraction=1)), ASHA(max_resource=9)),
        (ASHA(max_resource=9, hedge=0.2, sampler=KDE(random_fraction=1)), ASHA(max_resource=9, hedge=0.2)),
    ],
    ids=["BOHB", "Hyperband", "ASHA", "hedged"],
)
def test_without_proposals_of_the_model_the_journal_is_that_of_the_scheduler(
    with_model, without, space, workers
):
    def events(settings):
        study = simulate(
            settings,
            space,
            UnitTraining([37 * i % 997 / 997 for i in range(997)]),
            workers=workers,
            budget=Budget(trials=150),
            straggler_sd=0.7,
            drop_rate=0.02,
        )
        return [(at, event) for at, event in study.entries if not isinstance(event, StudyOpened)]

    assert events(with_model) == events(without)


# Running trials --------------------------------------------------------------------------------------------------------


def test_proposals_made_at_once_differ_more_if_running_trials_count_as_bad():
    plane = Space({"x": Float(0, 1), "y": Float(0, 1)})

    def spread(lie, seed):
        settings = KDE(random_fraction=0, lie=lie)
        study = random_and_told(
            40,
            settings,
            space=plane,
            seed=seed,
            loss=lambda config: math.hypot(config["x"] - 0.3, config["y"] - 0.6),
        )
        points = [list(study.ledger.trials[study.take().trial].trial.config.values()) for _ in range(16)]
        return np.mean([math.dist(a, b) for i, a in enumerate(points) for b in points[:i]])

    gains = [spread(True, seed) - spread(False, seed) for seed in range(12)]
    assert np.mean(gains) > 2 * np.std(gains) / math.sqrt(len(gains))


def test_a_running_trial_counts_once_at_the_resource_of_the_model():
    study = Puppet(ASHA(max_resource=9, sampler=KDE(random_fraction=0)), space=LINE)
    for i in range(3):
        study.complete(study.take(), float(i))
    promoted, fresh, other = study.take(), study.take(), study.take()
    assert (promoted.trial, promoted.target, fresh.target, other.target) == (0, 3, 1, 1)
    study.complete(study.take(), 9.0)
    (one,) = proposals(study, 1)
    assert (one.resource, one.n_good, one.n_bad) == (
        1,
        2,
        2 + 2,
    )  # the promoted one is among the four
    study.complete(fresh, 5.0)
    (one,) = proposals(study, 1)
    assert (one.n_good, one.n_bad) == (2, 3 + 1)


def test_a_trial_that_was_stopped_or_lost_is_bad_only_while_it_runs():
    study = told([({"x": i / 10}, float(i)) for i in range(10)])
    first, second, third = study.take(), study.take(), study.take()
    assert proposals(study, 1)[0].n_bad == 8 + 3
    study.record(TrialStopped(first.trial, "by hand"))
    study.end(first, Outcome.LOST)
    study.end(second, Outcome.LOST)  # due again
    assert proposals(study, 1)[0].n_bad == 8 + 1
    study.end(third, Outcome.FAILED)  # for good: that is a result
    assert proposals(study, 1)[0].n_bad == 9
    assert study.take().trial == second.trial
    assert proposals(study, 1)[0].n_bad == 9 + 1


def test_a_result_at_another_resource_is_not_forgotten_by_who_has_asked_before():
    """Inactive values of running trials are imputed from all that was seen, at whatever resource."""
    space = Space({"a": Categorical(["p", "q"]), "x": Float(0, 1, when={"a": "p"}), "y": Float(0, 1)})
    study = drawn_and_told(12, KDE(random_fraction=0), space=space, loss=lambda config: config["y"])
    study.record(PointsGiven(({"a": "q", "y": 0.5}, {"a": "p", "x": 0.5, "y": 0.5})))
    study.take()
    sampler, other = study.scheduler.sampler, study.take().trial
    before = sampler._densities(1)[1]
    sampler.observe(other, 3, 0.0)
    assert sampler._densities(1)[1] is not before


def test_what_a_direct_trial_reports_at_rungs_reaches_the_sampler():
    study = Puppet(ASHA(max_resource=9, hedge=0.5, sampler=KDE()), space=LINE)
    heard = []
    study.scheduler.sampler.observe = lambda *result: heard.append(result)
    job = study.take()
    for resource in (1, 2, 3, 5):
        study.report(job, resource, 1 / resource)
    assert heard == [(0, 1, 1.0), (0, 3, 1 / 3)]
    study.end(job, Outcome.LOST)
    job = study.take()
    study.report(job, 8, math.nan)
    study.complete(job, 0.0)
    assert heard == [(0, 1, 1.0), (0, 3, 1 / 3), (0, 9, 0.0)]


def test_a_direct_trial_that_fails_for_good_is_heard_of_as_the_worst():
    study = Puppet(ASHA(max_resource=9, hedge=0.5, sampler=KDE()), space=LINE, retries=0)
    heard = []
    study.scheduler.sampler.observe = lambda *result: heard.append(result)
    job = study.take()
    study.report(job, 1, 0.5)
    study.end(job, Outcome.FAILED)
    assert heard == [(0, 1, 0.5), (0, 9, math.inf)]


# Settings --------------------------------------------------------------------------------------------------------------

NUMBERS = {
    "random_fraction": "from 0 to 1",
    "top_fraction": "from 0 to 0.99",
    "bandwidth_factor": "from 0 to 1000",
    "min_bandwidth": "from 1e-06 to 1",
    "prior_weight": "from 0 to 1e+06",
    "spread": "from 1e-06 to 1",
}


@pytest.mark.parametrize("value", [True, math.nan, math.inf, -math.inf, -0.1, "1/3", [0.5], 1e7], ids=repr)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_wrong_is_refused(name, value):
    with pytest.raises(SettingError) as caught:
        KDE(**{name: value})
    assert f"{name}={value!r}" in str(caught.value)
    assert f"a number {NUMBERS[name]}" in str(caught.value)


@pytest.mark.parametrize("value", [True, 0, -1, 2.0, math.nan, "3"], ids=repr)
@pytest.mark.parametrize("name", ["candidates", "max_good", "min_points"])
def test_a_count_that_is_wrong_is_refused(name, value):
    with pytest.raises(SettingError) as caught:
        KDE(**{name: value})
    assert f"{name}={value!r}" in str(caught.value)
    assert "a whole number of at least 1" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("truncate", 1, "True or False"),
        ("lie", "no", "True or False"),
        ("lie", None, "True or False"),
        ("min_points_rule", "hpband", "one of 'hpbandster', 'paper'"),
        ("min_points_rule", None, "one of 'hpbandster', 'paper'"),
        ("random_fraction", None, "a number from 0 to 1"),
        ("candidates", None, "a whole number"),
    ],
)
def test_any_other_setting_that_is_wrong_is_refused(name, value, expected):
    with pytest.raises(SettingError) as caught:
        KDE(**{name: value})
    assert f"{name}={value!r}" in str(caught.value)
    assert expected in str(caught.value)


def test_numpys_floats_are_numbers():
    settings = KDE(random_fraction=np.float64(0.25))
    assert settings.to_json()["random_fraction"] == 0.25
    assert Settings.from_json(settings.to_json()) == settings
