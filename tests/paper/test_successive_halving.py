"""Li et al. 2020, algorithm 1, and the two ways to use free slots."""

import pytest

from paceline.events import Outcome, TrialStopped
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.simulation import UnitTraining, simulate
from paceline.space import Float
from paceline.testing.studies import Puppet

SPACE = {"x": Float(0, 1)}


def test_each_rung_keeps_the_best():
    losses = [(31 * i) % 81 for i in range(81)]
    study = simulate(SuccessiveHalving(max_resource=81), SPACE, UnitTraining(losses), workers=5)
    ranked = sorted(range(81), key=lambda trial: losses[trial])
    reached = [state.resource for state in study.ledger.trials]
    for n, resource in ((81, 1), (27, 3), (9, 9), (3, 27), (1, 81)):
        assert {trial for trial in range(81) if reached[trial] >= resource} == set(ranked[:n])


def test_resources_are_anchored_at_the_top():
    shape = SuccessiveHalving(max_resource=100, min_resource=3).shape()
    assert shape.resources == (3, 11, 33, 100)
    assert shape.sizes == (27, 9, 3, 1)


def test_a_bracket_costs_what_the_paper_says():
    settings = SuccessiveHalving(max_resource=64, reduction_factor=2, n_trials=64, resume=False)
    study = simulate(settings, SPACE, UnitTraining(range(64)), workers=3)
    assert study.ledger.trained == 64 * 7  # (K + 1) · n · r
    resumed = simulate(
        SuccessiveHalving(max_resource=64, reduction_factor=2), SPACE, UnitTraining(range(64)), workers=3
    )
    assert resumed.ledger.trained == 64 + 6 * 32  # (1 - 1/η) of each step beyond the first


@pytest.mark.parametrize(("overlap", "busy"), [(True, 4), (False, 1)])
def test_while_a_bracket_waits_free_slots_start_the_next_or_idle(overlap, busy):
    settings = SuccessiveHalving(max_resource=9, brackets=4, overlap=overlap)
    study = simulate(settings, SPACE, UnitTraining(range(36)), workers=4)
    # The last step of the first bracket is one job of 6 units. What ran beside it?
    running, at_most_beside = 0, 0
    for _, event in study.entries:
        name = type(event).__name__
        if name == "JobIssued":
            running += 1
            is_last = event.job.target == 9 and event.job.trial < 9
            if is_last:
                last = event.job.id
        elif name == "JobEnded":
            if event.job == locals().get("last"):
                at_most_beside = running
            running -= 1
    assert at_most_beside == busy


@pytest.mark.parametrize("moment", ["running", "waiting for others", "survived", "running again"])
def test_nobody_waits_for_a_trial_that_was_stopped(moment):
    study = Puppet(SuccessiveHalving(max_resource=9), space=SPACE)
    jobs = [study.take() for _ in range(9)]
    best = jobs[0].trial
    if moment == "running":
        study.record(TrialStopped(best, "by hand"))
    study.complete(jobs[0], 0.0)
    if moment == "waiting for others":
        study.record(TrialStopped(best, "by hand"))
    for loss, job in enumerate(jobs[1:], start=1):
        study.complete(job, float(loss))
    if moment == "survived":
        study.record(TrialStopped(best, "by hand"))
    went_on = []
    while (job := study.take()) is not None:
        went_on.append((job.trial, job.target))
        if moment == "running again" and job.trial == best:
            study.record(TrialStopped(best, "by hand"))
        study.complete(job, float(job.trial))
    replaced = moment in (
        "running",
        "waiting for others",
    )  # by the next best, while the rung was not complete
    assert (
        went_on
        == {
            True: [(1, 3), (2, 3), (3, 3), (1, 9)],
            False: [(0, 3), (1, 3), (2, 3), (1, 9)][moment == "survived" :],
        }[replaced]
    )


def test_a_bracket_with_failures_finishes():
    study = Puppet(SuccessiveHalving(max_resource=9), space=SPACE, retries=0)
    jobs = [study.take() for _ in range(9)]
    for job in jobs[2:]:
        study.end(job, Outcome.FAILED)
    for job in jobs[:2]:
        study.complete(job, 1.0)
    targets = []
    while (job := study.take()) is not None:
        targets.append((job.trial, job.target))
        study.complete(job, float("nan") if job.trial == 0 else 1.0)
    assert targets == [(0, 3), (1, 3), (1, 9)]  # two were left for three places, then one
