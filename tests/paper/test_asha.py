"""Li et al. 2020, algorithm 2: against an independent formulation, and property by property."""

import math
from bisect import insort
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.decisions import ResumeTrial, StartTrial, StopTrial
from paceline.errors import SettingError
from paceline.events import (
    Budget,
    Job,
    JobEnded,
    JobIssued,
    Outcome,
    Reported,
    SchedulerChanged,
    TrialStopped,
)
from paceline.samplers.grid import Grid
from paceline.schedulers.asha import ASHA
from paceline.schedulers.rungs import rung_resources
from paceline.simulation import UnitTraining, simulate
from paceline.space import Float
from paceline.testing.studies import Puppet

SPACE = {"x": Float(0, 1)}


class EventDriven:
    """The same rule told from the other side, as Determined does: a result's arrival says who is promoted.

    On arrival at place i of n, with m = ⌊n/η⌋ may go on: the newcomer if i < m; else, if m has just grown, the one at
    place m - 1 if it was not promoted yet.
    """

    def __init__(self, resources, eta):
        self.eta = eta
        self.resources = resources
        self.rungs = [[] for _ in resources]
        self.promoted = [set() for _ in resources]

    def arrive(self, trial, resource, loss):
        """The (trial, resource) that this arrival promotes, if any."""
        k = self.resources.index(resource)
        rung, promoted = self.rungs[k], self.promoted[k]
        before = len(rung) // self.eta
        insort(rung, (loss, trial))
        permitted = len(rung) // self.eta
        place = rung.index((loss, trial))
        if k == len(self.resources) - 1:
            return None
        if place < permitted:
            chosen = trial
        elif permitted > before and rung[permitted - 1][1] not in promoted:
            chosen = rung[permitted - 1][1]
        else:
            return None
        promoted.add(chosen)
        return chosen, self.resources[k + 1]


@settings(deadline=None)
@given(st.data(), st.integers(2, 4), st.integers(1, 100), st.integers(1, 6))
def test_the_oracle_agrees(data, eta, max_resource, n_slots):
    """Whoever asks as soon as a result is in gets the promotion that the event-driven form names."""
    study = Puppet(ASHA(max_resource=max_resource, reduction_factor=eta), space=SPACE)
    oracle = EventDriven(rung_resources(1, max_resource, eta), eta)
    losses = {}
    running = [study.take() for _ in range(n_slots)]
    for _ in range(60):
        job = running.pop(data.draw(st.integers(0, n_slots - 1)))
        loss = losses.setdefault(job.trial, data.draw(st.integers(0, 30)))  # ties are common
        study.complete(job, float(loss))
        expected = oracle.arrive(job.trial, job.target, float(loss))
        following = study.take()
        if expected is None:
            assert (following.trial, following.target) == (len(study.ledger.trials) - 1, 1)
        else:
            assert (following.trial, following.target) == expected
        running.append(following)


@settings(deadline=None)
@given(st.permutations(range(27)))
def test_once_all_results_are_in_the_best_were_promoted(order):
    """Eager promotion takes wrong ones too, but it leaves out none of the true ⌊n/η⌋ best."""
    study = Puppet(ASHA(max_resource=3), space=SPACE)
    jobs = []
    while len(study.ledger.trials) < 27:
        jobs.append(study.carry_out(StartTrial({"x": 0.5}, 1, 0)))
    for job, loss in zip(jobs, order, strict=True):
        study.complete(job, float(loss))
    promoted = set()
    while (job := study.take(may_start=False)) is not None:
        promoted.add(job.trial)
    assert {trial for trial, loss in enumerate(order) if loss < 9} <= promoted


def test_one_worker_and_losses_that_arrive_best_first():
    """The order of rungs: 0,0,0,1,0,0,0,1,0,0,0,1,2,0,0,0,..."""
    study = simulate(
        ASHA(max_resource=9), SPACE, UnitTraining([float(i) for i in range(99)]), budget=Budget(trials=12)
    )
    targets = [event.job.target for _, event in study.entries if isinstance(event, JobIssued)]
    assert [{1: 0, 3: 1, 9: 2}[target] for target in targets] == [
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        1,
        2,
        0,
        0,
        0,
        1,
    ]


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=40, max_size=40), st.sampled_from(["cube", "exp", "shift"]))
def test_a_monotone_map_of_the_losses_changes_no_decision(losses, name):
    maps = {"cube": lambda v: v**3, "exp": lambda v: math.exp(v / 10), "shift": lambda v: 3 * v - 7}

    def decisions(values):
        study = simulate(
            ASHA(max_resource=27), SPACE, UnitTraining(values), workers=3, budget=Budget(trials=40)
        )
        return [event.job for _, event in study.entries if isinstance(event, JobIssued)]

    assert decisions([float(v) for v in losses]) == decisions([float(maps[name](v)) for v in losses])


def test_results_in_the_highest_rung_are_never_promoted():
    study = simulate(
        ASHA(max_resource=9), SPACE, UnitTraining([i / 99 for i in range(99)]), budget=Budget(trials=90)
    )
    assert {event.job.target for _, event in study.entries if isinstance(event, JobIssued)} == {1, 3, 9}


def test_with_resume_the_increments_of_a_trial_sum_to_its_resource():
    study = simulate(
        ASHA(max_resource=27), SPACE, UnitTraining([i / 99 for i in range(99)]), budget=Budget(trials=60)
    )
    assert all(state.trained == state.resource for state in study.ledger.trials)
    assert study.ledger.trained == sum(state.resource for state in study.ledger.trials)


def test_a_lost_promotion_is_promotable_again():
    study = Puppet(ASHA(max_resource=9), space=SPACE)
    for loss in (3.0, 2.0, 1.0):
        study.complete(study.take(), loss)
    promotion = study.take()
    assert (promotion.trial, promotion.target) == (2, 3)
    study.end(promotion, Outcome.LOST)
    again = study.take()
    assert (again.trial, again.target, again.attempt) == (2, 3, 2)


def test_a_lost_promotion_gives_way_to_a_better_trial():
    study = Puppet(ASHA(max_resource=9), space=SPACE)
    for loss in (3.0, 2.0, 1.0):
        study.complete(study.take(), loss)
    promotion, other = study.take(), study.take()
    study.complete(other, 0.5)
    study.end(promotion, Outcome.LOST)
    assert study.scheduler.decide() == ResumeTrial(other.trial, 1, 3)


def test_a_failed_promotion_is_retried_the_last_time_from_nothing_and_then_ranks_last():
    study = Puppet(ASHA(max_resource=9), space=SPACE, retries=2)
    for loss in (3.0, 2.0, 1.0):
        study.complete(study.take(), loss)
    starts = []
    for _ in range(3):
        job = study.take()
        assert (job.trial, job.target) == (2, 3)
        starts.append(job.start)
        study.end(job, Outcome.FAILED)
    assert starts == [1, 1, 0]
    assert study.take().trial == 3  # nobody waits for it
    assert study.scheduler.view()[0].rungs[1].n_results == 1
    assert study.ledger.best_at_max_resource.trial == 2  # what it reported at 1 still counts there


def test_delay_keeps_the_rung_above_small():
    """Li et al. 2022: never more than 1/η of a rung in the one above."""
    study = Puppet(ASHA(max_resource=27, delay=True), space=SPACE)
    for i in range(200):
        study.complete(study.take(), float((i * 37) % 200))
        rungs = study.scheduler.view()[0].rungs
        for below, above in pairwise(rungs):
            assert (above.n_results + above.n_running) * 3 <= below.n_results


@pytest.mark.parametrize("n", [3, 9, 27, 80, 81, 243])
def test_the_infinite_horizon_reaches_the_rung_that_the_logarithm_says(n):
    """Losses that arrive best last are promoted in order, so that no wrong promotion adds a rung."""
    study = simulate(
        ASHA(max_resource=None), SPACE, UnitTraining([float(i) for i in range(n)]), budget=Budget(trials=n)
    )
    highest = max(state.resource for state in study.ledger.trials)
    assert highest == 3 ** int(math.log(n + 0.5, 3))


@pytest.mark.parametrize(
    ("arrivals", "continued"),
    [([1, 2, 3, 4], [0]), ([4, 3, 2, 1], [0, 1, 2, 3]), ([2, 3, 4, 9, 5, 1], [0, 5])],
)
def test_the_stopping_variant_judges_once_on_arrival(arrivals, continued):
    study = Puppet(ASHA(max_resource=9, variant="stop"), space=SPACE)
    went_on = []
    for loss in arrivals:
        job = study.carry_out(StartTrial({"x": 0.5}, 1, 0))
        study.complete(job, float(loss))
        following = study.scheduler.decide()
        if isinstance(following, ResumeTrial):
            went_on.append(job.trial)
        study.carry_out(following)
    assert went_on == continued
    assert [state.is_stopped for state in study.ledger.trials] == [
        trial not in continued for trial in range(len(arrivals))
    ]


def test_brackets_get_equal_resource():
    study = simulate(
        ASHA(max_resource=81, brackets=4), SPACE, UnitTraining([(37 * i) % 997 for i in range(997)]), workers=5,
        budget=Budget(resource=40_000),
    )  # fmt: skip
    spent = [0, 0, 0, 0]
    for state in study.ledger.trials:
        spent[state.trial.bracket] += state.trained
    assert max(spent) - min(spent) <= 0.05 * 10_000
    assert [bracket.rungs[0].resource for bracket in study.scheduler.view()] == [1, 3, 9, 27]


@pytest.mark.parametrize(("variant", "resource"), [("promote", 100), ("stop", 100)])
def test_as_many_brackets_as_rungs_even_where_the_last_step_is_short(variant, resource):
    """Bracket b leaves out the b lowest rungs: the last trains everything to R, and nothing beyond."""
    scheduler = ASHA(max_resource=resource, brackets=6, variant=variant)
    study = simulate(scheduler, SPACE, UnitTraining([1.0, 2.0]), budget=Budget(trials=60), workers=3)
    ladders = [[rung.resource for rung in bracket.rungs] for bracket in study.scheduler.view()]
    assert ladders == [[1, 3, 9, 27, 81, 100][b:] for b in range(6)]
    assert max(state.resource for state in study.ledger.trials) == 100


@pytest.mark.parametrize("rule", ["resource", "trained"])
def test_when_configs_run_out_every_bracket_promotes_to_its_end(rule):
    scheduler = ASHA(max_resource=9, brackets=3, bracket_rule=rule, sampler=Grid(resolution=60))
    study = simulate(scheduler, SPACE, UnitTraining([float(i) for i in range(60)]), workers=2)
    assert len(study.ledger.trials) == 60
    for bracket in study.scheduler.view():
        for below, above in pairwise(bracket.rungs):
            assert above.n_results >= below.n_results // 3


def test_a_trial_that_was_stopped_is_never_promoted():
    study = Puppet(ASHA(max_resource=9), space=SPACE)
    jobs = [study.take() for _ in range(6)]
    study.complete(jobs[0], 1.0)
    study.record(TrialStopped(0, "by hand"), TrialStopped(1, "by hand"))  # one paused, one running
    for job, loss in zip(jobs[1:], (0.0, 2.0, 3.0, 4.0, 5.0), strict=True):
        study.complete(job, loss)
    assert study.scheduler.view()[0].rungs[0].n_results == 5  # nobody waits for the second
    assert isinstance(study.scheduler.decide(), StartTrial)  # the best ⌊5/3⌋ was stopped
    study.complete(study.take(), 6.0)
    assert study.scheduler.decide() == ResumeTrial(2, 1, 3)


def test_a_verdict_is_explained_by_what_had_arrived_when_it_was_found():
    study = Puppet(ASHA(max_resource=9, variant="stop"), space=SPACE)
    jobs = [study.take() for _ in range(3)]
    for job, loss in zip(jobs, (2.0, 3.0, 1.0), strict=True):
        study.complete(job, loss)
    found = []
    for _ in range(3):
        decision = study.scheduler.decide()
        explanation = study.scheduler.explain(decision)
        found.append((decision.trial, type(decision), explanation.rank, explanation.n_results))
        study.carry_out(decision)
    assert found == [(0, ResumeTrial, 1, 1), (1, StopTrial, 2, 2), (2, ResumeTrial, 1, 3)]


def test_the_stopping_variant_needs_an_end():
    """Its first trial is the best of one at every rung: on the infinite horizon it would never come back."""
    with pytest.raises(SettingError, match="max_resource"):
        ASHA(max_resource=None, variant="stop")


# The hedge: direct trials ----------------------------------------------------------------------------------------------

LOSSES = UnitTraining([37 * i % 997 / 997 for i in range(997)])


def jobs_of(study):
    return [event.job for _, event in study.entries if isinstance(event, JobIssued)]


def direct_of(jobs):
    """The trials whose first job goes past the bottom rung."""
    first = {}
    for job in jobs:
        first.setdefault(job.trial, job.target)
    return {trial for trial, target in first.items() if target > 1}


@pytest.mark.parametrize("hedge", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("workers", [1, 16])
@pytest.mark.parametrize("resume", [True, False])
def test_direct_trials_get_their_share_of_the_resource(hedge, workers, resume):
    """A new trial is direct if and only if those before it have had no more than that."""
    study = simulate(
        ASHA(max_resource=27, hedge=hedge, resume=resume),
        SPACE,
        LOSSES,
        workers=workers,
        budget=Budget(resource=9000),
        straggler_sd=0.5,
        drop_rate=0.003,
    )
    jobs = jobs_of(study)
    direct = direct_of(jobs)
    issued = share = 0
    seen = set()
    for job in jobs:
        if job.trial not in seen:
            assert (job.trial in direct) == (share <= hedge * issued)
            seen.add(job.trial)
        issued += job.target - job.start
        share += (job.target - job.start) * (job.trial in direct)
    assert share / issued == pytest.approx(hedge, abs=0.02)


def test_the_first_trial_is_direct_and_fully_trained_after_its_time():
    study = simulate(ASHA(max_resource=81, hedge=0.1), SPACE, LOSSES, budget=Budget(trials=50))
    assert jobs_of(study)[0] == Job(0, 0, 0, 81, 1)
    first = next((at, event) for at, event in study.entries if isinstance(event, JobEnded))
    assert first == (81.0, JobEnded(0, 0, Outcome.COMPLETED))
    plain = simulate(ASHA(max_resource=81), SPACE, LOSSES, budget=Budget(trials=300))
    assert (
        next(at for at, event in plain.entries if isinstance(event, Reported) and event.resource == 81) > 150
    )


@pytest.mark.parametrize("variant", ["promote", "stop"])
def test_without_a_hedge_no_trial_is_direct(variant):
    study = simulate(
        ASHA(max_resource=27, hedge=0, variant=variant),
        SPACE,
        LOSSES,
        workers=4,
        budget=Budget(trials=300),
        drop_rate=0.01,
    )
    jobs = jobs_of(study)
    assert direct_of(jobs) == set()
    assert study.scheduler._direct == set()
    assert {job.target for job in jobs if job.start == 0 and job.attempt == 1} == {1}


def test_a_hedge_changes_nothing_but_who_is_direct():
    """Who is promoted among the others is ASHA's rule over all that arrived: tests/property/test_schedulers.py."""
    plain, hedged = ASHA(max_resource=9), ASHA(max_resource=9, hedge=0.3)
    assert hedged.differences(plain) == ["hedge was 0.3, not 0.0; only max_resource may change, upwards"]
    study = Puppet(hedged, space=SPACE)
    twin = Puppet(plain, space=SPACE)
    assert study.take().target == 9
    assert [study.take().target for _ in range(3)] == [twin.take().target for _ in range(3)] == [1, 1, 1]


def test_a_direct_trial_says_why():
    study = Puppet(ASHA(max_resource=9, hedge=0.25), space=SPACE)

    def why():
        return study.scheduler.explain(study.scheduler.decide()).text

    assert why() == (
        "a new config is trained to 9 at once, because such trials have had 0 of 0 units of resource, and hedge=0.25"
    )
    study.complete(study.take(), 0.5)
    for _ in range(27):
        assert "at once" not in why()
        study.carry_out(StartTrial({"x": 0.5}, 1, 0))
    assert "such trials have had 9 of 36 units" in why()


def test_what_a_direct_trial_reports_counts_at_each_rung_as_promoted():
    study = Puppet(ASHA(max_resource=9, hedge=0.5), space=SPACE)
    job = study.take()
    for resource in range(1, 9):
        study.report(job, resource, 9.0 - resource)
    rungs = study.scheduler.view()[0].rungs
    assert [(rung.n_results, rung.n_promoted, rung.n_running) for rung in rungs] == [
        (1, 1, 0),
        (1, 1, 0),
        (0, 0, 1),
    ]
    assert study.scheduler.standing(0).text == "it is running"
    study.complete(job, 0.0)
    assert study.scheduler.standing(0).text == "rank 1 of 1 results at resource 9: it is fully trained"


def test_a_report_between_rungs_stands_for_none():
    study = Puppet(ASHA(max_resource=9, hedge=0.5), space=SPACE)
    job = study.take()
    study.report(job, 2, 1.0)
    study.report(job, 4, 0.5)
    study.complete(job, 0.0)
    assert [rung.n_results for rung in study.scheduler.view()[0].rungs] == [0, 0, 1]


def test_a_direct_trial_takes_a_place_among_the_best_but_no_promotion():
    study = Puppet(ASHA(max_resource=9, hedge=0.9), space=SPACE)
    direct = study.take()
    study.report(direct, 1, 0.0)
    jobs = [study.carry_out(StartTrial({"x": 0.5}, 1, 0)) for _ in range(5)]
    for job, loss in zip(jobs[:2], (1.0, 2.0), strict=True):
        study.complete(job, loss)
    assert study.take(may_start=False) is None  # ⌊3/3⌋ = 1, which is the direct one
    for job, loss in zip(jobs[2:], (3.0, 4.0, 5.0), strict=True):
        study.complete(job, loss)
    assert study.take(may_start=False).trial == jobs[0].trial  # ⌊6/3⌋ = 2


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.FAILED])
@pytest.mark.parametrize("resume", [True, False])
def test_a_direct_job_that_ended_early_goes_on_from_its_checkpoint(outcome, resume):
    study = Puppet(ASHA(max_resource=9, hedge=0.5, resume=resume), space=SPACE)
    job = study.take()
    study.report(job, 1, 0.1)
    study.report(job, 5, 0.1)
    study.end(job, outcome)
    decision = study.scheduler.decide()
    assert decision == ResumeTrial(0, 5 if resume else 0, 9)
    assert "so it is repeated" in study.scheduler.explain(decision).text
    again = study.take()
    for resource in range(again.start + 1, 10):
        study.report(again, resource, 0.2)
    study.end(again, Outcome.COMPLETED)
    rungs = study.scheduler.view()[0].rungs
    assert [rung.n_results for rung in rungs] == [1, 0, 1] if resume else [1, 1, 1]
    assert rungs[0].best_loss == 0.1  # what it reports a second time counts no second time


def test_a_direct_trial_that_fails_for_good_ranks_last_at_the_top():
    study = Puppet(ASHA(max_resource=9, hedge=0.5), space=SPACE, retries=2)
    starts = []
    for _ in range(3):
        job = study.take()
        starts.append((job.trial, job.start, job.target))
        if job.start < 3:
            study.report(job, 3, 0.5) if not starts[:-1] else None
        study.end(job, Outcome.FAILED)
    assert starts == [(0, 0, 9), (0, 3, 9), (0, 0, 9)]
    assert study.take().trial == 1
    assert "it failed or diverged" in study.scheduler.standing(0).text
    assert [rung.n_results for rung in study.scheduler.view()[0].rungs] == [0, 1, 1]


def test_a_direct_trial_that_is_stopped_is_not_repeated():
    study = Puppet(ASHA(max_resource=9, hedge=0.5), space=SPACE)
    job = study.take()
    study.report(job, 1, 0.0)
    study.record(TrialStopped(0, "by hand"))
    study.report(job, 3, 0.0)
    study.end(job, Outcome.LOST)
    assert study.take().trial == 1
    assert [rung.n_results for rung in study.scheduler.view()[0].rungs] == [1, 0, 0]


@pytest.mark.parametrize("when", ["before it runs", "while it runs", "after it has run"])
def test_a_raised_maximum_is_where_direct_trials_go_from_then_on(when):
    study = Puppet(ASHA(max_resource=3, hedge=0.5), space=SPACE)
    job = None if when == "before it runs" else study.take()
    if when == "after it has run":
        study.complete(job, 0.0)
    study.record(SchedulerChanged(ASHA(max_resource=9, hedge=0.5).to_json()))
    if when == "while it runs":
        study.complete(job, 0.0)
    if job is None:
        assert study.take().target == 9
        return
    others = []
    while len(others) < 40:
        found = study.take()
        others.append(found)
        study.complete(found, 1.0 + found.trial)
    direct = direct_of(others)
    assert direct
    assert {found.target for found in others if found.trial in direct} == {9}
    promoted = next(found for found in others if found.trial == 0)  # its 3 is a result like any other now
    assert (promoted.start, promoted.target) == (3, 9)


def test_with_one_rung_there_is_nothing_to_hedge():
    study = Puppet(ASHA(max_resource=2, hedge=0.5), space=SPACE)
    assert [study.take().target for _ in range(4)] == [2, 1, 1, 2]
    study = Puppet(ASHA(max_resource=5, min_resource=5, hedge=0.5), space=SPACE)
    assert [study.take().target for _ in range(4)] == [5] * 4
    assert study.scheduler._direct == set()


def test_a_direct_trial_waits_for_no_config():
    """Once a grid has run out, promotions go on to the end."""
    study = simulate(ASHA(max_resource=9, hedge=0.3, sampler=Grid(resolution=30)), SPACE, LOSSES, workers=3)
    assert len(study.ledger.trials) == 30
    for below, above in pairwise(study.scheduler.view()[0].rungs):
        assert above.n_results >= below.n_results // 3


@pytest.mark.parametrize("hedge", [-0.1, 1, 1.0, 0.995, math.nan, math.inf, True, "0.1", None], ids=repr)
def test_a_hedge_is_a_share_below_one(hedge):
    with pytest.raises(SettingError, match=r"hedge=.*: expected a number from 0 to 0\.99"):
        ASHA(max_resource=9, hedge=hedge)


@pytest.mark.parametrize(
    "more",
    [{"variant": "stop"}, {"brackets": 2}, {"max_resource": None}],
    ids=["stop", "brackets", "infinite"],
)
def test_a_hedge_is_for_the_plain_form(more):
    with pytest.raises(
        SettingError, match=r'hedge=0\.1: expected 0, except with variant="promote", one bracket'
    ):
        ASHA(**{"max_resource": 9, "hedge": 0.1} | more)
