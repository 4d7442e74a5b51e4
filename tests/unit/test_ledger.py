"""The ledger, fact by fact."""

import math

import pytest

from paceline.errors import SchemaError
from paceline.events import (
    Budget,
    BudgetSet,
    JobEnded,
    JobId,
    Objective,
    Outcome,
    PointsGiven,
    Reported,
    RunStarted,
    StudyOpened,
    TrialId,
)
from paceline.ledger import Ledger
from paceline.schedulers.asha import ASHA
from paceline.schedulers.single_fidelity import FullResource
from paceline.testing.studies import Puppet


def test_a_trial_counts_each_resource_once():
    study = Puppet(FullResource(max_resource=9), saves=False)
    first = study.take()
    study.report(first, 4, 5.0)
    study.end(first, Outcome.FAILED)
    again = study.take()
    study.report(again, 2, 1.0)  # trained anew: these were counted already
    study.report(again, 4, 0.5)
    state = study.ledger.trials[0]
    assert (state.resource, state.loss, state.best_loss) == (4, 5.0, 5.0)
    study.complete(again, 3.0)
    assert (state.resource, state.loss, state.best_loss) == (9, 3.0, 3.0)


def test_late_and_repeated_news_is_not_accepted():
    study = Puppet(FullResource(max_resource=9))
    job = study.take()
    accepts = study.ledger.accepts
    assert accepts(Reported(job.id, job.trial, 1, {}))
    study.report(job, 5, 1.0)
    assert not accepts(Reported(job.id, job.trial, 5, {}))
    assert not accepts(Reported(job.id, job.trial, 10, {}))
    assert not accepts(Reported(job.id, TrialId(7), 6, {}))
    study.end(job, Outcome.LOST)
    assert not accepts(Reported(job.id, job.trial, 6, {}))
    assert not accepts(JobEnded(job.id, job.trial, Outcome.COMPLETED))
    assert not accepts(JobEnded(JobId(99), job.trial, Outcome.LOST))


def test_resource_is_committed_when_issued_and_spent_when_trained():
    study = Puppet(FullResource(max_resource=9))
    job = study.take()
    assert (study.ledger.committed, study.ledger.trained) == (9, 0)
    study.report(job, 4, 1.0)
    study.end(job, Outcome.LOST)
    assert (study.ledger.committed, study.ledger.trained) == (0, 4)
    study.complete(study.take(), 1.0)
    assert (study.ledger.committed, study.ledger.trained) == (0, 9)


def test_what_the_executor_knows_of_the_units_trained_counts():
    study = Puppet(FullResource(max_resource=9))
    job = study.take()
    study.record(JobEnded(job.id, job.trial, Outcome.FAILED, trained=3))
    assert study.ledger.trained == study.ledger.trials[0].trained == 3


def test_the_incumbent_by_its_two_rules():
    study = Puppet(ASHA(max_resource=9))
    jobs = [study.take() for _ in range(3)]
    for job, loss in zip(jobs, (3.0, 1.0, 2.0), strict=True):
        study.complete(job, loss)
    assert study.ledger.incumbent().trial == study.ledger.incumbent("any").trial == 1
    promotion = study.take()
    study.report(promotion, 2, 0.5)  # on the way: it counts for "any" only
    assert study.ledger.incumbent().resource == 1
    assert study.ledger.incumbent("any").resource == 2
    study.complete(promotion, 9.0)  # worse, and at a larger resource
    assert (study.ledger.incumbent().resource, study.ledger.incumbent().loss) == (3, 9.0)
    assert study.ledger.incumbent("any").loss == 0.5


def test_a_tie_goes_to_the_older_trial_in_any_order_of_arrival():
    for order in ((0, 1), (1, 0)):
        study = Puppet(FullResource())
        jobs = [study.take(), study.take()]
        for i in order:
            study.complete(jobs[i], 1.0)
        assert study.ledger.incumbent().trial == 0


def test_a_loss_that_is_not_finite_is_never_the_incumbent():
    study = Puppet(FullResource())
    study.complete(study.take(), math.nan)
    study.complete(study.take(), math.inf)
    assert study.ledger.incumbent() is None
    assert study.ledger.incumbent("any") is None


def test_minutes_count_while_a_driver_runs():
    ledger = Ledger()
    ledger.apply(RunStarted("me", 1, "inline"), 100.0)
    ledger.apply(PointsGiven(()), 160.0)
    assert ledger.elapsed_until(190.0) == 90.0
    ledger.apply(RunStarted("me", 1, "inline"), 10_000.0)  # overnight nobody worked
    ledger.apply(PointsGiven(()), 10_030.0)
    assert ledger.elapsed_until(10_030.0) == 90.0


def test_a_clock_that_goes_back_takes_nothing_away():
    ledger = Ledger()
    ledger.apply(RunStarted("me", 1, "inline"), 100.0)
    ledger.apply(PointsGiven(()), 50.0)
    assert ledger.elapsed_until(20.0) == 0.0


def test_a_budget_opens_a_closed_study():
    study = Puppet(FullResource())
    study.ledger.closed = "done"
    study.record(BudgetSet(Budget(trials=3)))
    assert study.ledger.closed is None


def test_statuses():
    study = Puppet(ASHA(max_resource=3, variant="stop"), retries=0)
    status = study.ledger.status
    jobs = [study.take() for _ in range(4)]
    assert status(study.ledger.trials[0]) == "running"
    for job, loss in zip(jobs[:3], (1.0, 2.0, 3.0), strict=True):
        study.complete(job, loss)
    study.end(jobs[3], Outcome.FAILED)
    following = study.take()
    study.complete(following, 1.0)
    study.take()
    assert [status(state) for state in study.ledger.trials[:4]] == ["done", "stopped", "stopped", "failed"]


def test_a_study_that_a_newer_version_opened_is_refused():
    ledger = Ledger()
    with pytest.raises(SchemaError, match=r"schema 99.*Upgrade"):
        ledger.apply(StudyOpened(0, Objective("loss"), {}, {}, schema=99), 0.0)
    assert ledger.opened is None


def test_a_job_that_ends_without_the_report_that_it_owes_has_failed():
    """An executor must not do this; if one does, the study ends all the same."""
    study = Puppet(FullResource(max_resource=9), retries=1)
    for _ in range(2):
        job = study.take()
        assert job.trial == 0
        study.end(job, Outcome.COMPLETED)
    assert study.ledger.trials[0].has_failed
    assert study.take().trial == 1
