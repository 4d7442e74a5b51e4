"""Ask and tell."""

import pytest

from paceline import ASHA, Budget, Float, JournalConflict, RandomSearch, ReportError, Study

SPACE = {"x": Float(0.0, 1.0)}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def asked(url, scheduler=None, budget=None):
    study = Study("s", SPACE, scheduler or ASHA(max_resource=9), storage=url)
    study.set_budget(budget or Budget(trials=9))
    return study


def test_a_loop_of_ones_own_ends_with_the_study(url):
    with asked(url) as study:
        n_jobs = 0
        while (job := study.ask()) is not None:
            n_jobs += 1
            study.tell(job, job.config["x"])
        assert study.spent.jobs == study.spent.completed == n_jobs
        assert study.status.startswith("closed")
        assert study.incumbent.resource == 9
        assert study.replay().is_equal


def test_several_jobs_can_be_open(url):
    with asked(url, RandomSearch(), Budget(trials=3)) as study:
        jobs = [study.ask(), study.ask(), study.ask()]
        assert study.ask() is None
        assert study.status == "open"
        for job in reversed(jobs):
            study.tell(job, loss=job.config["x"])
        assert study.ask() is None
        assert study.status.startswith("closed")


def test_reports_below_the_target_leave_the_job_open(url):
    with asked(url, RandomSearch(max_resource=3), Budget(trials=1)) as study:
        job = study.ask()
        study.tell(job, loss=3.0, resource=1)
        study.tell(job, loss=2.0, resource=2)
        assert study.trials[0].status == "running"
        study.tell(job, loss=1.0)
        assert study.trials[0].status == "done"
        assert [report.resource for report in study.reports(0)] == [1, 2, 3]


def test_a_failure_is_retried(url):
    with asked(url, RandomSearch(), Budget(trials=1)) as study:
        first = study.ask()
        study.tell(first, failed="the power went out")
        again = study.ask()
        assert (again.trial, again.attempt, again.config) == (first.trial, 2, first.config)


@pytest.mark.parametrize("resource", [0, 1, 4, 2.5, True])
def test_a_resource_that_does_not_count_up_is_refused(url, resource):
    with asked(url, RandomSearch(max_resource=3), Budget(trials=1)) as study:
        job = study.ask()
        study.tell(job, loss=3.0, resource=1)
        before = list(study.entries())
        with pytest.raises(ReportError, match="counts up"):
            study.tell(job, loss=1.0, resource=resource)
        assert list(study.entries()) == before


def test_a_job_is_told_once(url):
    with asked(url, RandomSearch(), Budget(trials=2)) as study:
        job = study.ask()
        study.tell(job, loss=1.0)
        with pytest.raises(ReportError, match="not open"):
            study.tell(job, loss=1.0)


def test_the_jobs_of_a_process_that_ended_are_handed_out_again(url):
    first = asked(url, RandomSearch(), Budget(trials=2))
    lost = first.ask()
    first.close()
    with asked(url, RandomSearch(), Budget(trials=2)) as study:
        again = study.ask()
        assert (again.trial, again.config) == (lost.trial, lost.config)
        assert again.id != lost.id
        with pytest.raises(ReportError, match="not open"):
            study.tell(lost, loss=1.0)


def test_while_one_asks_nobody_else_may(url):
    with asked(url) as study:
        study.ask()
        with Study("s", SPACE, ASHA(max_resource=9), storage=url) as other:
            before = list(other.entries())
            with pytest.raises(JournalConflict, match="being driven by"):
                other.ask()
            assert list(other.entries()) == before
