"""`whatif`: exact where all is known, honest where it is not, and it changes nothing."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline import (
    ASHA,
    BOHB,
    KDE,
    PBT,
    Budget,
    FullResource,
    Hyperband,
    RandomSearch,
    SettingError,
    SuccessiveHalving,
    simulate,
    whatif,
)
from paceline.events import JobIssued, Outcome, StudyOpened
from paceline.whatif.answers import AsRecorded, Range, outcome
from paceline.whatif.record import read
from paceline.whatif.rules import Neighbours, Times
from paceline.whatif.training import Pool, RecordedTraining

from .curves import SPACE, Crossing, by_hand, loaded, recorded

R = 27
METHODS = [
    ASHA(max_resource=R, reduction_factor=2),
    ASHA(max_resource=R, reduction_factor=3),
    ASHA(max_resource=R, reduction_factor=4, variant="stop"),
    ASHA(max_resource=R, brackets=2),
    ASHA(max_resource=R, hedge=0.2),
    SuccessiveHalving(max_resource=R, brackets=None),
    Hyperband(max_resource=R, sweeps=None),
    FullResource(max_resource=R),
]


@pytest.fixture(scope="module")
def full():
    """Everything is known: random search, with a report for each unit."""
    return recorded(RandomSearch(max_resource=R), workers=4, budget=Budget(trials=40), report_every=1)


@pytest.fixture(scope="module")
def halved():
    """What ASHA leaves."""
    return recorded(ASHA(max_resource=R), workers=4, budget=Budget(trials=60), report_every=1)


# Exactly --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 8, 64])
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_where_all_is_recorded_the_simulation_is_the_real_one_bit_for_bit(full, method, workers):
    record = read(full.entries(), "s")
    known = RecordedTraining(
        record.curves, Neighbours(record.curves), Times(record.curves), record.ledger.objective
    )
    method = msgspec.structs.replace(method, sampler=Pool(configs=record.configs))
    ours = simulate(method, SPACE, known, workers=workers, report_every=1)
    real = simulate(method, SPACE, Crossing(), workers=workers, report_every=1)
    assert ours.entries == real.entries


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_its_answer_is_what_the_real_simulation_comes_to(full, method):
    [answer] = whatif(full, method, workers=8).answers
    configs = read(full.entries(), "s").configs
    real = simulate(
        msgspec.structs.replace(method, sampler=Pool(configs=configs)),
        SPACE,
        Crossing(),
        workers=8,
        report_every=1,
    )
    target = full.incumbent.value
    true = outcome(real.entries, AsRecorded(), max_resource=R, target=target)
    [ours] = answer.outcomes
    assert msgspec.structs.replace(ours, is_limited=False) == true
    assert (answer.extrapolated, answer.guessed_promotions, answer.guessed_best) == (0, 0, 0)


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("budget", [Budget(trials=50), Budget(resource=900), Budget(minutes=2)], ids=str)
def test_the_recorded_method_simulated_is_the_record(method, budget):
    study = recorded(method, workers=4, budget=budget, report_every=1)
    answers = whatif(study)
    [real], [simulated] = answers.recorded.outcomes, answers.check.outcomes
    if budget.resource is None:
        assert msgspec.structs.replace(simulated, closed=real.closed) == real
    else:  # where no config is left, another bracket may still use the last few units
        assert simulated.resource == pytest.approx(real.resource, rel=0.01)
        assert (simulated.elapsed_s, simulated.best) == (pytest.approx(real.elapsed_s, rel=0.05), real.best)


def test_the_record_is_told_as_the_study_tells_it(halved):
    [real] = whatif(halved).recorded.outcomes
    spent, best = halved.spent, halved.incumbent
    assert (real.resource, real.elapsed_s, real.trials) == (spent.resource, spent.elapsed_s, spent.trials)
    assert (real.best, real.best_trial) == (best.value, best.trial)
    assert 0 < real.target_s <= real.elapsed_s
    assert 0 < real.target_resource <= real.resource


def test_maximized_metrics_keep_their_sign():
    curves = [{1: 0.1, 3: 0.5}, {1: 0.2, 3: 0.9}, {1: 0.3}]
    found = whatif(by_hand(FullResource(max_resource=3), curves, maximize=True), FullResource(max_resource=3))
    assert found.target == 0.9
    assert found.recorded.best.median == 0.9
    assert found.answers[0].best.median >= 0.9


# What is not known ------------------------------------------------------------------------------------------------------


def test_what_is_extrapolated_is_counted():
    curves = [{1: 4.0}, {1: 3.0}, {1: 2.0, 3: 1.5}, {1: 1.0, 3: 0.9, 9: 0.5}]
    study = by_hand(FullResource(max_resource=9), curves)
    methods = [
        FullResource(max_resource=9),
        SuccessiveHalving(max_resource=9, reduction_factor=2, n_trials=8),
    ]
    everything, halves = whatif(study, methods).answers
    [random] = everything.outcomes
    assert (random.n_values, random.n_extrapolated, random.n_interpolated) == (4, 3, 0)
    assert (everything.extrapolated, random.n_promotions, random.fully_trained) == (0.75, 0, 4)
    [halving] = halves.outcomes  # rungs 1, 2, 4, 9: four trials, then as many as there are of 4, 2, 1
    assert (halving.n_values, halving.n_extrapolated, halving.n_interpolated) == (11, 3, 3)
    assert (halving.n_promotions, halving.n_guessed_promotions) == (7, 0)
    assert halving.is_limited


def test_a_promotion_that_an_extrapolated_value_earned_is_counted():
    study = by_hand(FullResource(max_resource=9), [{1: 1.0}, {1: 2.0, 9: 1.5}])
    method = SuccessiveHalving(
        max_resource=9, reduction_factor=2
    )  # both to 1, 2 and 4, and the better one to 9
    [answer] = whatif(study, method).answers
    [one] = answer.outcomes
    assert (one.n_promotions, one.n_guessed_promotions) == (5, 2)  # trial 0's, from 2 and from 4
    assert answer.guessed_promotions == 0.4


def test_a_best_value_that_was_not_recorded_is_told():
    curves = [{1: 0.6}, {1: 1.0, 9: 0.9}, {1: 1.2}]
    found = whatif(by_hand(FullResource(max_resource=9), curves), FullResource(max_resource=9))
    [guess] = found.answers[0].outcomes
    assert (guess.best, guess.best_trial, guess.best_is_extrapolated) == (pytest.approx(0.5), 0, True)
    assert found.answers[0].guessed_best == 1
    assert not found.recorded.outcomes[0].best_is_extrapolated


def test_between_two_reports_the_loss_is_linear_in_the_logarithm():
    [curve, _] = read(
        by_hand(FullResource(max_resource=9), [{1: 4.0, 9: 2.0}, {1: 1.0}]).entries(), "s"
    ).curves
    assert [curve.loss(resource) for resource in (1, 3, 9)] == [4.0, 3.0, 2.0]
    assert curve.time(3) == 3.0


def test_a_curve_is_carried_on_by_neighbours_in_steps():
    """From 1 to 3 by trials 1 and 2, and from there by trial 2 alone, which is not what led on average from 1 to 9."""
    curves = [{1: 2.0}, {1: 2.0, 3: 1.0}, {1: 2.0, 3: 1.0, 9: 0.5}]
    record = read(by_hand(FullResource(max_resource=9), curves).entries(), "s")
    assert Neighbours(record.curves).loss(record.curves[0], 9) == 0.5
    assert Neighbours(record.curves).loss(record.curves[1], 9) == 0.5


def test_nobody_beyond_keeps_the_last_value_and_what_diverged_stays_so():
    record = read(
        by_hand(FullResource(max_resource=9), [{1: 2.0}, {1: None}, {1: 3.0, 3: 1.0}]).entries(), "s"
    )
    rule = Neighbours(record.curves)
    assert rule.loss(record.curves[2], 9) == 1.0
    assert rule.loss(record.curves[1], 9) == math.inf


def test_time_goes_on_as_that_of_the_others_does():
    curves = [{1: 1.0, 3: 1.0, 9: 1.0}] * 3 + [{1: 1.0}]
    study = by_hand(FullResource(max_resource=9), curves)
    times = Times(read(study.entries(), "s").curves)
    assert times.seconds(read(study.entries(), "s").curves[3], 9) == 9.0
    [answer] = whatif(study, FullResource(max_resource=9), workers=4).answers
    assert answer.elapsed_s.median == 9.0


@given(st.lists(st.lists(st.integers(1, 30), min_size=1, unique=True), min_size=2, max_size=8))
def test_time_never_falls_and_losses_are_the_same_each_time(resources):
    curves = [{r: 1 / r + i for r in sorted(some)} for i, some in enumerate(resources)]
    if len({r for some in resources for r in some}) == 1:
        return
    record = read(by_hand(FullResource(max_resource=30), curves).entries(), "s")
    times, rule = Times(record.curves), Neighbours(record.curves)
    for curve in record.curves:
        seconds = [times.seconds(curve, resource) for resource in range(1, 31)]
        assert seconds == sorted(seconds)
        beyond = [resource for resource in range(1, 31) if not curve.covers(resource)]
        again = Neighbours(record.curves)
        assert [rule.loss(curve, r) for r in beyond] == [again.loss(curve, r) for r in reversed(beyond)][::-1]


# Failures ---------------------------------------------------------------------------------------------------------------


def test_a_trial_that_failed_fails_again_and_takes_the_time_that_it_took():
    curves = [{1: 0.1}, {1: 2.0, 9: 1.0}, {1: 3.0, 9: 2.0}]
    found = whatif(
        by_hand(FullResource(max_resource=9), curves, failing=[0]), FullResource(max_resource=9), workers=1
    )
    [answer] = found.answers
    [one] = answer.outcomes
    assert (one.best, one.best_trial, one.fully_trained) == (1.0, 1, 2)
    assert (one.elapsed_s, answer.extrapolated) == (1 + 2 + 9 + 9, 0)
    assert any("1 trial failed for good" in note for note in found.notes)


def test_a_failure_that_a_retry_has_mended_is_no_failure():
    study = recorded(
        ASHA(max_resource=9),
        budget=Budget(trials=30),
        drop_rate=0.1,
        drop_outcome=Outcome.FAILED,
        retries=9,
        seed=3,
    )
    assert study.spent.failed
    assert not any("failed" in note for note in whatif(study).notes)


# Limits and orders --------------------------------------------------------------------------------------------------------


def test_limits_are_those_of_the_record_unless_others_are_given(halved):
    method = FullResource(max_resource=R)
    [by_pool] = whatif(halved, method).answers
    assert by_pool.outcomes[0].trials == 60
    [fewer] = whatif(halved, method, budget=Budget(trials=7)).answers
    assert fewer.outcomes[0].trials == 7
    [cheap] = whatif(halved, method, budget=Budget(resource=100)).answers
    assert cheap.resource.median == 81
    [short] = whatif(halved, method, budget=Budget(minutes=0.5), workers=1).answers
    assert 30 <= short.elapsed_s.median < 32


def test_an_unfinished_study_limits_by_what_it_has_spent(halved):
    entries = list(halved.entries())[:-200]
    study = loaded(entries)
    found = whatif(study, FullResource(max_resource=study.settings.max_resource))
    assert found.answers[0].resource.median <= study.spent.resource
    assert any("not finished" in note for note in found.notes)


def test_a_method_that_would_want_more_configs_is_limited(halved):
    found = whatif(
        halved, [SuccessiveHalving(max_resource=R), SuccessiveHalving(max_resource=R, brackets=None)]
    )
    one, many = (answer.outcomes[0].is_limited for answer in found.answers)
    assert (one, many) == (False, True)
    assert "Would have tried more than the 60 configs" in " ".join(found.notes)


def test_orders_are_permutations_and_the_first_is_recorded(halved):
    method = ASHA(max_resource=R, reduction_factor=2)
    [one] = whatif(halved, method).answers
    [many] = whatif(halved, method, seeds=5).answers
    assert many.outcomes[0] == one.outcomes[0]
    assert len({outcome.elapsed_s for outcome in many.outcomes}) > 1
    assert many.elapsed_s.low <= many.elapsed_s.median <= many.elapsed_s.high


def test_ranges_count_what_was_not_reached():
    assert Range.of([1.0, 2.0, None]) == Range(2.0, 1.0, None)
    assert Range.of([None, None, 1.0]) == Range(None, 1.0, None)


def test_two_calls_give_equal_answers(halved):
    assert whatif(halved, METHODS, workers=[1, 8], seeds=2) == whatif(
        halved, METHODS, workers=[1, 8], seeds=2
    )


def test_a_product_has_all_its_rows(halved):
    rows = [(one.method, one.workers) for one in whatif(halved, METHODS[:2], workers=[1, 8]).answers]
    assert rows == [("ASHA η=2", 1), ("ASHA η=2", 8), ("ASHA η=3", 1), ("ASHA η=3", 8)]


def test_training_that_does_not_resume_begins_anew(full):
    method = ASHA(max_resource=R)
    [on], [anew] = (whatif(full, method, workers=1, resume=resume).answers for resume in (True, False))
    assert anew.resource.median > on.resource.median
    study = recorded(method, budget=Budget(trials=30), saves_checkpoints=False)
    assert whatif(study, method).answers == whatif(study, method, resume=False).answers


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(METHODS), st.integers(1, 20), st.integers(10, 400), st.integers(2, 30), st.booleans())
def test_units_are_those_of_the_jobs_and_within_the_budget(method, workers, units, trials, resumes):
    study = recorded(RandomSearch(max_resource=R), budget=Budget(trials=trials), report_every=1)
    record = read(study.entries(), "s")
    budget = Budget(resource=units)
    training = RecordedTraining(
        record.curves, Neighbours(record.curves), Times(record.curves), record.ledger.objective
    )
    changes = {"sampler": Pool(configs=record.configs)}
    if hasattr(method, "resume"):
        changes["resume"] = resumes
    end = simulate(
        msgspec.structs.replace(method, **changes),
        SPACE,
        training,
        workers=workers,
        budget=budget,
        saves_checkpoints=resumes,
        report_every=1,
    )
    issued = sum(
        event.job.target - event.job.start for _, event in end.entries if isinstance(event, JobIssued)
    )
    [answer] = whatif(study, method, workers=workers, budget=budget, resume=resumes).answers
    assert answer.resource.median == issued <= units
    assert 0 <= answer.extrapolated <= 1


# It changes nothing -------------------------------------------------------------------------------------------------------


def test_nothing_is_written(halved):
    before = list(halved.entries())
    whatif(halved, METHODS, workers=[1, 64], seeds=2)
    assert list(halved.entries()) == before


# What is refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (ASHA(max_resource=81), "expected 27, to which the record has trained"),
        (ASHA(max_resource=None), "expected 27"),
        (ASHA(max_resource=R, sampler=KDE()), "those of the record, whatever a model would propose"),
        (BOHB(max_resource=R), "ask for Hyperband instead"),
        (PBT(max_resource=R, interval=3, population_size=4), "a method without forks"),
    ],
    ids=str,
)
def test_a_method_that_cannot_be_replayed_is_refused(halved, method, words):
    with pytest.raises(SettingError, match=words):
        whatif(halved, method)


def test_a_rung_below_all_records_is_refused():
    study = recorded(ASHA(max_resource=27, min_resource=3), budget=Budget(trials=30))
    with pytest.raises(SettingError, match="at least 3: below it nothing was recorded"):
        whatif(study, ASHA(max_resource=27))


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"workers": [1, 2.0]}, {"seeds": 0}], ids=str)
def test_wrong_settings_are_refused(halved, wrong):
    with pytest.raises(SettingError, match="whole number of at least 1"):
        whatif(halved, METHODS, **wrong)


def test_a_study_without_curves_is_refused():
    with pytest.raises(SettingError, match="a study with results"):
        whatif(by_hand(FullResource(max_resource=9), []))
    with pytest.raises(SettingError, match="results at two resources at least, not at 9 alone"):
        whatif(recorded(RandomSearch(max_resource=9), budget=Budget(trials=5)))


def test_a_study_with_forks_is_refused():
    study = recorded(
        PBT(max_resource=9, interval=3, population_size=8), budget=Budget(resource=200), report_every=1
    )
    with pytest.raises(SettingError, match="a study of a method without forks"):
        whatif(study)
    entries = [(at, event) for at, event in study.entries() if not isinstance(event, StudyOpened)]
    [opened] = [event for _, event in study.entries() if isinstance(event, StudyOpened)]
    other = msgspec.structs.replace(opened, scheduler=FullResource(max_resource=9).to_json())
    with pytest.raises(SettingError, match="a study without forks: the curves of forks depend"):
        whatif(loaded([(0.0, other), *entries]))


def test_a_model_in_the_record_is_told():
    study = recorded(ASHA(max_resource=9, sampler=KDE()), budget=Budget(trials=20), report_every=1)
    assert any("model" in note for note in whatif(study, ASHA(max_resource=9)).notes)
