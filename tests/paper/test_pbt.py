"""Population based training: who copies whom, what a fork is, and the promises of ALGORITHMS' property list."""

import math
import random
import statistics

import pytest

from paceline import (
    PBT,
    Budget,
    Categorical,
    Float,
    Perturb,
    Random,
    SettingError,
    TrainingFunctionError,
    simulate,
)
from paceline.decisions import ForkTrial, ResumeTrial, StartTrial, StopTrial
from paceline.events import Checkpoint, JobIssued, Outcome, SchedulerChanged, TrialCreated, TrialStopped
from paceline.history import check
from paceline.ledger import Ledger
from paceline.rng import uniforms_for
from paceline.samplers.base import Context
from paceline.schedulers.exploit import Boundary, Exploit, Result, welch_p
from paceline.simulation import UnitTraining
from paceline.space import Space
from paceline.space.perturb import Explore
from paceline.testing.studies import SPACE, Puppet


def boundary_of(*losses, values=()):
    boundary = Boundary(10)
    for trial, loss in enumerate(losses):
        own = values[trial] if values else ()
        boundary.enter(Result(trial, loss, Checkpoint(f"{trial}", 10), tuple(own)))
    return boundary


def rule(kind="truncation", *, quantile=0.2, population=10, level=0.05):
    return Exploit(kind, quantile, population, level)


# Exploit -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "quantile", "k"),
    [
        (10, 0.2, 2),
        (5, 0.2, 1),
        (4, 0.2, 1),
        (3, 0.2, 1),
        (2, 0.2, 1),
        (1, 0.2, 0),
        (9, 0.5, 4),
        (8, 0, 0),
        (100, 0.07, 7),
    ],
)
def test_the_width_of_the_truncation(n, quantile, k):
    assert rule(quantile=quantile, population=1000).width(n) == k


def test_the_width_does_not_grow_with_failures():
    assert rule(population=10).width(25) == rule(population=10).width(10) == 2


def test_truncation_copies_from_the_top_to_the_bottom_only():
    boundary = boundary_of(*(trial / 10 for trial in range(10)))
    for trial in range(10):
        donors = {rule().judge(boundary, trial, draw / 50).donor for draw in range(50)}
        assert donors == ({0, 1} if trial in (8, 9) else {None})


def test_a_tournament_is_lost_against_better_ones_only():
    boundary = boundary_of(0.0, 0.1, 0.2, 0.3)
    for trial in range(4):
        donors = {rule("tournament").judge(boundary, trial, draw / 60).donor for draw in range(60)}
        assert donors - {None} == set(range(trial))
        assert (None in donors) == (trial < 3)


def test_who_is_equal_copies_the_older_one_and_they_never_swap():
    boundary = boundary_of(0.5, 0.5)
    for kind in "truncation", "tournament", "t_test":
        assert rule(kind).judge(boundary, 1, 0.5).donor == 0
        assert rule(kind).judge(boundary, 0, 0.5).donor is None


def test_the_t_test_wants_a_difference_that_is_no_chance():
    near = [1.0, 1.2, 0.9, 1.1, 1.0], [0.9, 1.15, 0.95, 1.05, 0.9]
    far = [1.0, 1.2, 0.9, 1.1, 1.0], [0.1, 0.2, 0.15, 0.05, 0.1]
    assert rule("t_test").judge(boundary_of(1.0, 0.9, values=near), 0, 0.0).donor is None
    assert rule("t_test").judge(boundary_of(1.0, 0.1, values=far), 0, 0.0).donor == 1
    assert rule("t_test").judge(boundary_of(1.0, 0.1, values=far), 1, 0.0).donor is None, "it is better"


@pytest.mark.parametrize("values", [([1.0], [0.9]), ([1.0, 1.0], [0.9, 0.9])])
def test_without_a_variance_means_are_compared(values):
    assert rule("t_test").judge(boundary_of(1.0, 0.9, values=values), 0, 0.0).donor == 1


def test_welch_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random(0)
    for _ in range(300):
        first = [draw.gauss(0, draw.choice([0.01, 1, 100])) for _ in range(draw.randint(2, 12))]
        second = [draw.gauss(draw.choice([0, 0.5, 5]), 1) for _ in range(draw.randint(2, 12))]
        expected = stats.ttest_ind(first, second, equal_var=False).pvalue
        assert welch_p(first, second) == pytest.approx(expected, rel=1e-8, abs=1e-14)
    assert welch_p([1.0, 1.0], [2.0, 2.0]) is None
    assert welch_p([1.0], [2.0, 3.0]) is None


@pytest.mark.parametrize("kind", ["truncation", "tournament", "t_test"])
def test_failed_and_withdrawn_trials_are_never_copied(kind):
    boundary = boundary_of(0.1, 0.2, math.inf)
    boundary.withdraw(0)
    for draw in range(20):
        assert rule(kind, quantile=0.5).judge(boundary, 2, draw / 20).donor in (None, 1)
        assert rule(kind, quantile=0.5, population=4).stand_in(boundary, draw / 20).donor in (None, 1)


@pytest.mark.parametrize("kind", ["truncation", "tournament", "t_test"])
def test_whoever_may_be_copied_later_was_a_possible_donor_all_along(kind):
    """What retention rests on: the set only shrinks, but for who has just come."""
    draw = random.Random(1)
    for _ in range(50):
        boundary, how, possible = Boundary(1), rule(kind, quantile=0.3, population=8), set()
        for trial in range(12):
            loss = draw.choice([draw.random(), 0.5, math.inf])
            boundary.enter(Result(trial, loss, Checkpoint(str(trial), 1)))
            if draw.random() < 0.2:
                boundary.withdraw(draw.randrange(trial + 1))
            now = set(how.possible_donors(boundary))
            assert now <= possible | {trial}
            possible = now
            for other in boundary.results:
                asked = draw.random()
                found = {how.judge(boundary, other, asked).donor, how.stand_in(boundary, asked).donor}
                assert found - {None} <= possible


# The population ------------------------------------------------------------------------------------------------------


def study_of(n=4, **settings):
    """A population of which all have reached the first boundary; trial t has loss t / 10."""
    settings = {"max_resource": 6, "interval": 2, "population_size": n, "quantile": 0.25} | settings
    study = Puppet(PBT(**settings), retries=1)
    jobs = [study.take() for _ in range(n)]
    for job in jobs:
        study.complete(job, job.trial / 10)
    return study


def test_the_worst_copies_the_best_and_explores():
    study = study_of(explore=Perturb(resample=0.0))
    assert [study.take().trial for _ in range(3)] == [0, 1, 2]
    fork = study.scheduler.decide()
    assert isinstance(fork, ForkTrial)
    assert (fork.member, fork.replaces, fork.target) == (3, 3, 4)
    assert (fork.origin.trial, fork.origin.resource) == (0, 2)
    donor = study.ledger.trials[0].trial.config
    assert fork.config["x"] / donor["x"] in (pytest.approx(0.8), pytest.approx(1.2))
    assert abs(fork.config["n"] - donor["n"]) >= 1
    study.carry_out(fork)
    assert study.ledger.trials[3].is_stopped


@pytest.mark.parametrize(
    ("copies", "config_of", "weights_of"), [("both", 0, 0), ("weights", 3, 0), ("hyperparameters", 0, 3)]
)
def test_what_is_copied(copies, config_of, weights_of):
    study = study_of(copies=copies, explore=None)
    while isinstance(decision := study.scheduler.decide(), ResumeTrial):
        study.carry_out(decision)
    assert decision.config == study.ledger.trials[config_of].trial.config
    assert decision.origin.trial == weights_of
    text = study.scheduler.explain(decision).text
    assert f"it goes on from trial {weights_of}" in text


def test_who_comes_first_waits_for_nobody():
    study = Puppet(PBT(max_resource=4, interval=2, population_size=3))
    first, *_ = [study.take() for _ in range(3)]
    study.complete(first, 0.9)
    job = study.take()
    assert (job.trial, job.start, job.target) == (0, 2, 4)


def test_a_late_member_copies_what_a_faster_one_was_at_the_same_boundary():
    study = Puppet(PBT(max_resource=6, interval=2, population_size=2))
    fast, slow = study.take(), study.take()
    study.complete(fast, 0.1)
    at_two = study.ledger.trials[0].checkpoint
    for _ in range(2):
        study.complete(study.take(), 0.1)
    study.complete(slow, 0.9)
    assert study.ledger.trials[0].resource == 6
    fork = study.scheduler.decide()
    assert fork.origin.checkpoint == at_two
    assert at_two.key in study.scheduler.needed_checkpoints
    study.carry_out(fork)
    assert at_two.key in study.scheduler.needed_checkpoints, "it is the fork's newest"


def test_who_comes_first_is_judged_at_the_boundary_before():
    study = study_of(explore=None)
    first = [study.take() for _ in range(3)][2]  # trial 2, third of four at 2
    fork = study.take()
    assert (fork.trial, fork.start) == (4, 2)
    worst = Puppet(PBT(max_resource=6, interval=2, population_size=4, quantile=0.5, explore=None))
    jobs = [worst.take() for _ in range(4)]
    worst.complete(jobs[3], 0.9)
    early = worst.take()  # nobody else is at 2 yet, so it goes on
    for job in jobs[:3]:
        worst.complete(job, job.trial / 10)
    worst.complete(early, 0.05)
    decisions = {}
    while (decision := worst.scheduler.decide()) is not None:
        worst.carry_out(decision)
        decisions[getattr(decision, "trial", getattr(decision, "replaces", None))] = decision
    assert isinstance(decisions[3], ForkTrial), "at 4 it is alone; at 2 it was the last of four"
    assert decisions[3].origin.resource == 2
    assert first.trial == 2


def test_who_is_furthest_behind_goes_first():
    study = Puppet(PBT(max_resource=6, interval=2, population_size=3))
    for at in (2, 4, 6):
        for _ in range(3):
            job = study.take()
            assert job.target == at
            study.complete(job, 0.5)
    assert study.scheduler.decide() is None


def test_nobody_copies_before_the_warm_up():
    study = study_of(warm_up=3)
    jobs = [study.take() for _ in range(4)]
    assert [job.trial for job in jobs] == [0, 1, 2, 3]
    for job in jobs:
        study.complete(job, job.trial / 10)
    assert [study.take().trial for _ in range(4)] == [0, 1, 2, 4]


@pytest.mark.parametrize("how", ["fails", "diverges"])
def test_the_place_of_a_failed_member_is_taken_by_a_fork(how):
    study = study_of()
    jobs = {(job := study.take()).trial: job for _ in range(4)}
    study.complete(jobs[0], 0.1)
    if how == "diverges":
        study.complete(jobs[1], math.nan)
    else:
        for _ in range(2):
            study.end(jobs[1], Outcome.FAILED)
            jobs[1] = study.take() if not study.ledger.trials[1].has_failed else None
    decisions = []
    while (decision := study.scheduler.decide()) is not None:
        decisions.append(decision)
        study.carry_out(decision)
    fork = next(it for it in decisions if isinstance(it, ForkTrial))
    assert (fork.member, fork.origin.trial, fork.origin.resource) == (1, 0, 4), (
        "at the boundary it was going to"
    )
    assert fork.replaces == (1 if how == "diverges" else None)


def test_who_fails_first_goes_back_to_the_boundary_before():
    study = study_of(explore=None)
    jobs = {(job := study.take()).trial: job for _ in range(4)}
    study.complete(jobs[1], math.inf)
    fork = study.scheduler.decide()
    assert (fork.member, fork.origin.trial, fork.origin.resource) == (1, 0, 2)


def test_who_diverges_before_anybody_has_arrived_starts_anew():
    study = Puppet(PBT(max_resource=4, interval=2, population_size=2))
    first, _ = study.take(), study.take()
    study.complete(first, math.nan)
    assert isinstance(study.scheduler.decide(), StopTrial)
    study.carry_out(study.scheduler.decide())
    start = study.scheduler.decide()
    assert isinstance(start, StartTrial)
    assert start.member == 0


def test_a_member_that_always_fails_is_given_up():
    study = Puppet(PBT(max_resource=4, interval=2, population_size=2), retries=0)
    good = study.take()
    n_jobs = 0
    while (job := study.take()) is not None:
        study.end(job, Outcome.FAILED)
        n_jobs += 1
    study.complete(good, 0.5)
    while (job := study.take()) is not None:
        study.complete(job, 0.5)
    assert n_jobs == 5
    assert "given up" in study.scheduler.standing(study.ledger.trials[-1].id).text


def test_a_trial_that_was_stopped_by_hand_is_replaced_and_never_copied():
    study = study_of(quantile=0.5)
    study.record(TrialStopped(0, "by hand"))
    forks = []
    while (decision := study.scheduler.decide()) is not None:
        study.carry_out(decision)
        if isinstance(decision, ForkTrial):
            forks.append(decision)
    assert {fork.member for fork in forks} >= {0}
    assert all(fork.origin.trial != 0 for fork in forks)


def test_without_checkpoints_the_first_fork_says_what_to_write():
    study = Puppet(PBT(max_resource=4, interval=2, population_size=2), saves=False)
    for job in [study.take(), study.take()]:
        study.complete(job, job.trial / 10)
    study.take()
    with pytest.raises(TrainingFunctionError, match="has saved none at resource 2"):
        study.scheduler.decide()


def drain(study):
    while (decision := study.scheduler.decide()) is not None:
        study.carry_out(decision)


class Outside(Explore, frozen=True, kw_only=True, tag=True):
    """Explores where no config may be."""

    def explore(self, space, config, source):
        return {**config, "x": 7.0}


def test_what_a_user_s_function_explores_is_validated():
    study = study_of(explore=Outside())
    with pytest.raises(SettingError, match="belong to the space"):
        drain(study)


def test_a_raised_max_resource_goes_on_from_the_old_top():
    study = Puppet(PBT(max_resource=3, interval=2, population_size=2, quantile=0))
    while (job := study.take()) is not None:
        study.complete(job, 0.5)
    study.record(SchedulerChanged(PBT(max_resource=6, interval=2, population_size=2, quantile=0).to_json()))
    targets = []
    while (job := study.take()) is not None:
        targets.append((job.start, job.target))
        study.complete(job, 0.5)
    assert targets == [(3, 4), (3, 4), (4, 6), (4, 6)]


def test_when_the_budget_has_no_trials_left_members_go_on_as_they_are():
    study = study_of()
    jobs = [study.take(may_start=False) for _ in range(4)]
    assert [job.trial for job in jobs] == [0, 1, 2, 3]


# In virtual time -----------------------------------------------------------------------------------------------------


class Drift:
    """The best x differs from trial to trial and moves; every seventh trial diverges for a while, some are slow."""

    def metrics(self, trial, config, resource):
        if trial % 7 == 3 and resource == 4:
            return {"loss": math.nan}
        return {"loss": abs(config["x"] - 0.3) + 1 / resource + trial % 3 / 100}

    def seconds(self, trial, config, resource):
        return resource * (1 + trial % 5)


SETTINGS = {
    "truncation": PBT(max_resource=20, interval=2, population_size=10),
    "tournament": PBT(
        max_resource=20, interval=3, population_size=10, exploit="tournament", copies="weights"
    ),
    "t_test": PBT(
        max_resource=20, interval=5, population_size=10, exploit="t_test", copies="hyperparameters"
    ),
}


def simulated(settings, *, seed=0, workers=4, **more):
    return simulate(settings, SPACE, Drift(), workers=workers, seed=seed, report_every=1, **more)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_population_under_fire(name):
    """Stragglers, drops, and trials that diverge: all members arrive, and every decision can be derived again."""
    settings = SETTINGS[name]
    end = simulated(settings, straggler_sd=0.5, drop_rate=0.002)
    assert end.ledger.closed == "the scheduler has nothing left to do"
    finished = [
        state for state in end.ledger.trials if end.ledger.is_fully_trained(state) and not state.is_stopped
    ]
    assert sorted(state.trial.member for state in finished) == list(range(10))
    saved = {(e.trial, e.checkpoint.key) for _, e in end.entries if getattr(e, "checkpoint", None)}
    forks = [e.trial for _, e in end.entries if isinstance(e, TrialCreated) and e.trial.origin]
    assert forks
    assert all((fork.origin.trial, fork.origin.checkpoint.key) in saved for fork in forks)
    ledger = Ledger()
    assert check(end.entries, ledger, settings.build(Context(Space.of(SPACE), 0, ledger))).is_equal


def test_without_copying_it_is_random_search():
    """Property 9."""
    end = simulated(PBT(max_resource=20, interval=2, population_size=10, quantile=0, explore=None), workers=1)
    trials = [state.trial for state in end.ledger.trials]
    expected = [Random().build(Context(Space.of(SPACE), 0, Ledger())).propose(trial) for trial in range(10)]
    assert [trial.config for trial in trials[:10]] == expected
    assert sum(trial.origin is None for trial in trials) == 10, (
        "forks only take the places of those that diverged"
    )


def test_the_best_of_the_population_is_never_removed_by_a_copy():
    """Property 8: who is replaced is worse than somebody who stays, at the same resource."""
    study = study_of(n=8, quantile=0.5)
    stopped = set()
    while (decision := study.scheduler.decide()) is not None:
        if isinstance(decision, ForkTrial):
            stopped.add(decision.replaces)
        study.carry_out(decision)
    assert stopped == {4, 5, 6, 7}


def test_the_resource_is_the_population_s_times_max_resource():
    """Property 7, where nothing fails."""
    end = simulate(
        PBT(max_resource=12, interval=3, population_size=6), SPACE, UnitTraining([0.5, 0.2, 0.9]), workers=6
    )
    # A member that was judged at the boundary before has that interval to train again.
    repeated = sum(
        end.ledger.trials[event.trial].resource - fork.trial.origin.resource
        for (_, fork), (_, event) in zip(end.entries, end.entries[1:], strict=False)
        if isinstance(fork, TrialCreated) and isinstance(event, TrialStopped)
    )
    assert end.ledger.trained == 6 * 12 + repeated
    alone = simulate(
        PBT(max_resource=12, interval=3, population_size=6), SPACE, UnitTraining([0.5, 0.2, 0.9]), workers=1
    )
    assert alone.ledger.trained == 6 * 12, "one worker: boundaries are full when they are judged"


@pytest.mark.parametrize("workers", [1, 3, 10])
def test_no_worker_is_idle_while_a_member_waits(workers):
    """Property 12: with equal speeds a population of ten takes the time of its jobs, and no barrier adds to it."""
    end = simulate(
        PBT(max_resource=8, interval=2, population_size=10),
        SPACE,
        UnitTraining([0.1, 0.7, 0.4]),
        workers=workers,
    )
    busy = sum(event.job.target - event.job.start for _, event in end.entries if isinstance(event, JobIssued))
    assert end.ledger.elapsed_s <= busy / workers + 8


def test_it_follows_a_learning_rate_that_has_to_fall():
    """A schedule is what constant hyperparameters cannot be: the best x moves from 0.9 to 0.1 as training goes on."""

    class Moving:
        def metrics(self, trial, config, resource):
            return {"loss": abs(config["x"] - (0.9 - 0.8 * resource / 100))}

        def seconds(self, trial, config, resource):
            return resource

    space = {"x": Float(0.01, 1.0), "kind": Categorical(["a", "b"])}
    settings = PBT(max_resource=100, interval=2, population_size=20, explore=Perturb(resample=0.1))
    last, first = [], []
    for seed in range(10):
        end = simulate(settings, space, Moving(), workers=20, seed=seed)
        live = [state for state in end.ledger.trials if not state.is_stopped]
        last.append(statistics.median(state.trial.config["x"] for state in live))
        first.append(
            statistics.median(
                space["x"].scale.decode(uniforms_for(seed, "config", t).random(1)[0]) for t in range(20)
            )
        )
    assert statistics.mean(last) < 0.3
    assert statistics.mean(first) > 0.4


def test_the_same_seed_gives_the_same_population():
    prints = [
        [(at, event) for at, event in simulated(SETTINGS["truncation"], seed=seed).entries]
        for seed in (1, 1, 2)
    ]
    assert prints[0] == prints[1]
    assert prints[0] != prints[2]


def test_a_budget_of_resource_ends_it_where_it_is():
    end = simulated(SETTINGS["truncation"], budget=Budget(resource=90))
    assert end.ledger.trained <= 90
    assert "budget of 90 units" in end.ledger.closed
