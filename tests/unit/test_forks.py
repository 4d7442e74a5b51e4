"""A fork: a trial that starts from another one's checkpoint. Facts, ledger, history, words."""

import pytest

from paceline.decisions import ForkTrial, StartTrial, facts_of
from paceline.driver import Gate
from paceline.events import Budget, BudgetSet, JobIssued, Origin, Outcome, TrialCreated, TrialStopped
from paceline.history import steps
from paceline.schedulers.single_fidelity import FullResource
from paceline.testing.studies import Puppet
from paceline.views import trial_view


@pytest.fixture
def study():
    """Two trials that have reached 4."""
    study = Puppet(FullResource(max_resource=4), retries=1)
    for loss in (0.1, 0.2):
        study.complete(study.take(), loss)
    return study


@pytest.fixture
def fork(study):
    donor = study.ledger.trials[0]
    return ForkTrial({"x": 0.5, "n": 3}, Origin(donor.id, donor.checkpoint), 6, member=1, replaces=1)


def test_a_fork_and_the_end_of_the_trial_whose_place_it_takes_are_one_step(study, fork):
    created, stopped, issued = facts_of(fork, study.ledger)
    assert (created.trial.id, created.trial.origin, created.trial.member) == (2, fork.origin, 1)
    assert stopped == TrialStopped(1, "trial 2, a fork of trial 0 at 4, takes its place")
    assert (issued.job.trial, issued.job.start, issued.job.target) == (2, 4, 6)


def test_a_fork_begins_where_its_donor_was(study, fork):
    n_sampled, donor = study.ledger.n_sampled, study.ledger.trials[0]
    job = study.carry_out(fork)
    state = study.ledger.trials[2]
    assert study.ledger.running[job.id].checkpoint == state.checkpoint == donor.checkpoint
    assert (state.resource, state.loss) == (4, float("inf"))
    assert study.ledger.n_sampled == n_sampled, "no config was sampled"
    assert study.ledger.committed == 2
    assert study.ledger.status(study.ledger.trials[1]) == "stopped"


def test_a_fork_takes_no_given_point(study, fork):
    study.ledger.points.append({"x": 0.0, "n": 1})
    study.carry_out(fork)
    assert len(study.ledger.points) == 1


def test_a_fork_is_repeated_with_its_donor_s_state_at_its_last_try_too(study, fork):
    study.end(study.carry_out(fork), Outcome.FAILED)
    again = study.take()
    assert (again.trial, again.start, again.attempt) == (2, 4, 2)
    study.report(again, 5, 0.3)
    study.end(again, Outcome.LOST)
    assert study.take().start == 5


def test_the_budget_counts_what_a_fork_trains(study, fork):
    study.record(BudgetSet(Budget(resource=9)))
    assert not Gate(study.ledger).admits(fork)
    study.record(BudgetSet(Budget(resource=10)))
    assert Gate(study.ledger).admits(fork)


@pytest.mark.parametrize("replaces", [1, None])
def test_the_journal_gives_the_decision_back(study, fork, replaces):
    fork = ForkTrial(fork.config, fork.origin, fork.target, fork.member, replaces)
    study.carry_out(fork)
    study.carry_out(StartTrial({"x": 0.1, "n": 1}, 4, member=7))
    found = [step for step in steps((0.0, event) for event in study.events) if step.decision is not None]
    assert [step.decision for step in found[-2:]] == [fork, StartTrial({"x": 0.1, "n": 1}, 4, member=7)]
    assert [type(event) for event in found[-2].events] == (
        [TrialCreated, JobIssued] if replaces is None else [TrialCreated, TrialStopped, JobIssued]
    )


def test_tables_say_where_a_fork_comes_from(study, fork):
    study.carry_out(fork)
    view = trial_view(study.ledger.trials[2], study.ledger)
    assert (view.member, view.origin, view.origin_resource, view.value) == (1, 0, 4, None)
