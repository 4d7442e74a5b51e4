"""Li et al. 2020, algorithm 2: against an independent formulation, and property by property."""

import math
from bisect import insort
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.decisions import ResumeTrial, StartTrial, StopTrial
from paceline.errors import SettingError
from paceline.events import Budget, JobIssued, Outcome, TrialStopped
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
